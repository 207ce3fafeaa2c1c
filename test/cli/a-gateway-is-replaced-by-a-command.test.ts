import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { NOTHING_OBSERVED, type ObservedGateway } from "../../agent/core/observed-state.ts";
import { statusReport } from "../../agent/core/status-report.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { standIn } from "../systemd/stand-in.ts";
import { DeskRig } from "./operators-desk.ts";
import { type Recorded, runCli } from "./recorded-cli.ts";

const systemd = standIn();

/** The command, where the unit knows the signal, and control sees the next gateway after it. */
async function replaced(...argv: string[]): Promise<Recorded> {
  await using rig = await DeskRig.make();
  await using dir = await TempDir.make("/tmp/main-process-");
  const file = join(dir.path, "keep-gateway");
  await writeFile(file, "process.stdin.resume(); console.log('runs')");
  const main = spawn(process.execPath, [file]);
  await once(main.stdout, "data");
  await systemd().shows("builder-agent-gateway.service", { ActiveState: "active", MainPID: main.pid ?? 0 });
  let looks = 0;
  const gateway = (): ObservedGateway =>
    (looks += 1) > 2
      ? { runId: "next", listening: true, sessions: 0, finishing: { runIds: ["first"], sessions: 3 } }
      : { runId: "first", listening: true, sessions: 3, finishing: { runIds: [], sessions: 0 } };
  await rig.open({ health: () => statusReport({ ...NOTHING_OBSERVED, gateway: gateway() }) });
  try {
    return await runCli(["gateway", "replace", ...argv, "--paths-runtime-dir", rig.runtimeDir], {});
  } finally {
    const ended = once(main, "exit");
    main.kill("SIGKILL");
    await ended;
  }
}

it("and the command says how long it took, and what is still open through the one before", async () => {
  const { code, out } = await replaced();
  expect(code).toBe(0);
  expect(out).toMatch(
    /^A new gateway serves, \d+ ms after it was asked for; the one before it goes on with 3 sessions open/,
  );
  expect(await systemd().asked()).toEqual(["kill builder-agent-gateway.service --signal=SIGUSR2"]);
});

it("and a program is told the same as JSON, as by every command that an operator has", async () => {
  const { code, out } = await replaced("--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual({
    schemaVersion: 1,
    replaced: true,
    tookMs: expect.any(Number) as number,
    finishing: { gateways: 1, sessions: 3 },
  });
});
