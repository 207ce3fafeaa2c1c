import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";

const METERS = inTree("dist/agent/adapters/telemetry/prometheus-meters.js");
const IDLE_S = 3;

/** Says when it has begun to be idle, and when it has been for a while. */
const IDLE = `
import { prometheusMeters } from ${JSON.stringify(METERS)};
const { registry } = prometheusMeters({ version: "", controlRestarts: 0, droppedLogLines: () => 0 });
await registry.metrics();
setTimeout(() => {
  process.stdout.write("idle\\n");
  setTimeout(async () => process.stdout.write(await registry.metrics()), ${IDLE_S * 1_000});
}, 500);
// Until it is killed.
process.stdin.resume();
`;

async function wakes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/task/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\t(\d+)$/m.exec(status)?.[1]);
}

it("what is shown of the event loop takes no timer that wakes an idle process", async () => {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", IDLE], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  try {
    await once(child.stdout, "data");
    const before = await wakes(child.pid ?? 0);
    const [metrics] = (await once(child.stdout, "data")) as [Buffer];
    const count = (await wakes(child.pid ?? 0)) - before;
    expect(metrics.toString()).toContain("\nnodejs_eventloop_lag_seconds ");
    expect(metrics.toString()).not.toContain("nodejs_eventloop_lag_p99_seconds");
    // A sample each 10 ms would be 100 a second.
    expect(count / IDLE_S).toBeLessThan(25);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
});
