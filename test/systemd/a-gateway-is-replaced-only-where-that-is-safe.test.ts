import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startAnotherGateway } from "../../agent/adapters/systemd/gateway-unit.ts";
import { standIn } from "./stand-in.ts";

const systemd = standIn();
const UNIT = "builder-agent-gateway.service";
const never = new AbortController().signal;

/** Orders a replacement while a process whose command line has this name is the unit's main one. */
async function replacedUnder(name: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "main-process-"));
  const file = join(dir, name);
  await writeFile(file, "process.stdin.resume(); console.log('runs')");
  const main = spawn(process.execPath, [file]);
  try {
    await once(main.stdout, "data");
    await systemd().shows(UNIT, { ActiveState: "active", MainPID: main.pid ?? 0 });
    await startAnotherGateway(never);
  } finally {
    const ended = once(main, "exit");
    main.kill("SIGKILL");
    await ended;
    await rm(dir, { recursive: true });
  }
}

it("the unit's own keeper is told to start another", async () => {
  await replacedUnder("keep-gateway");
  expect(await systemd().asked()).toEqual([`kill ${UNIT} --signal=SIGUSR2`]);
});

it("a gateway that an older release has started is sent no signal, which might end it, and what to do is said", async () => {
  await expect(replacedUnder("main.js")).rejects.toMatchObject({
    code: "gateway.not-replaceable",
    message: expect.stringContaining(`systemctl restart ${UNIT} does it now, and cuts`) as string,
  });
  expect(await systemd().asked()).toEqual([]);
});

it("where there is no systemd what to do instead is said", async () => {
  await systemd().does("show", "echo 'System has not been booted with systemd as init system (PID 1).' >&2; exit 1");
  await expect(startAnotherGateway(never)).rejects.toMatchObject({
    code: "gateway.not-replaceable",
    message: expect.stringContaining(
      "where builder-agent run is the service manager, kill -USR2 its process",
    ) as string,
  });
});

it("a unit that does not run is told as such, with what starts it", async () => {
  await systemd().shows(UNIT, { ActiveState: "inactive", MainPID: 0 });
  await expect(startAnotherGateway(never)).rejects.toMatchObject({
    code: "gateway.not-replaceable",
    message: expect.stringContaining("systemctl start builder-agent.target") as string,
  });
  expect(await systemd().asked()).toEqual([]);
});
