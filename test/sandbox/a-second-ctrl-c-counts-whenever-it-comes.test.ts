import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { endGroup } from "../../sandbox/stack/end-group.ts";

/** Ends at the second SIGTERM, as an agent does whose builds are open. */
const AT_THE_SECOND = `let told = 0;
process.on("SIGTERM", () => { told += 1; if (told === 2) process.exit(7); });
setInterval(() => {}, 1_000);
process.stdout.write("up");`;

it.each([
  { when: "before the agent was told to end", abortInMs: undefined },
  { when: "after that", abortInMs: 300 },
])("a second Ctrl-C $when cuts its grace short", { timeout: 30_000 }, async ({ abortInMs }) => {
  const child = spawn(process.execPath, ["-e", AT_THE_SECOND], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const ended = once(child, "close");
    await once(child.stdout, "data");
    const hurry = new AbortController();
    if (abortInMs === undefined) hurry.abort();
    else setTimeout(() => hurry.abort(), abortInMs);
    await endGroup(child, ended, { graceMs: 600_000, hurry: hurry.signal });
    expect([child.exitCode, child.signalCode]).toEqual([7, null]);
  } finally {
    child.kill("SIGKILL");
  }
});
