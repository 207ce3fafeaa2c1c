import { once } from "node:events";
import { mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { readClaim } from "../../admin/claim.ts";
import { askSandbox } from "../../admin/client.ts";
import { machineNetwork } from "../../admin/request.ts";
import { EXIT, type ExitCode, SandboxFailure } from "../../failure.ts";
import { placeOf } from "../../net/process-place.ts";
import { makeRuntimeDir, removeStaleRuntimeDir } from "../../stack/runtime-dir.ts";
import { startBeside } from "../../tailnet/beside-sandbox.ts";
import { Owned } from "../../tailnet/owned.ts";
import { BUILDER_TAG } from "../../tailnet/policy.ts";
import { provideTailnetTools } from "../../tailnet/provide-tools.ts";
import { isAlive, lastTailnet, recordFile, type TailnetRecord } from "../../tailnet/record.ts";
import { SandboxTailnet } from "../../tailnet/tailnet.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";
import { tellTailnet } from "./tell.ts";

/** Starts a tailnet and keeps it until the signal. */
export async function tailnetUp(options: InDir, terminal: Terminal, signal: AbortSignal): Promise<ExitCode> {
  const dir = resolve(options.dir);
  await giveWay(dir);
  try {
    const tools = await provideTailnetTools(signal);
    await using runtime = await makeRuntimeDir();
    await using owned = new Owned();
    await owned.add(useDir(dir));
    const machine = await machineOf(dir);
    const made = { tools, dir: runtime.path, signal };
    const beside = machine === undefined ? undefined : await startBeside(machine.place, made);
    if (beside !== undefined) await owned.add(Promise.resolve(beside.owned));
    const tailnet = beside?.site.tailnet ?? (await owned.add(SandboxTailnet.start(made)));
    const record: TailnetRecord = {
      pid: process.pid,
      runtimeDir: runtime.path,
      coordinationUrl: tailnet.headscale.url,
      apiUrl: tailnet.api.url,
      ...tailnet.client,
      tags: [BUILDER_TAG],
      headscale: tailnet.headscale.running(),
      pageUrl: tailnet.pageUrl,
      ...(beside === undefined ? {} : { privateUrl: beside.site.privateUrl }),
      ...(machine === undefined ? {} : { sandboxPid: machine.sandboxPid }),
    };
    await owned.add(writeRecord(dir, record));
    tellTailnet(dir, record, terminal);
    if (!signal.aborted) await once(signal, "abort");
    terminal.out("Stopping …");
  } catch (failure) {
    if (!signal.aborted || failure !== signal.reason) throw failure;
  }
  terminal.out("The tailnet is stopped; nothing is left behind.");
  return EXIT.ok;
}

/** @throws {SandboxFailure} if a tailnet is up there; what one that was killed has left goes. */
async function giveWay(dir: string): Promise<void> {
  const older = await lastTailnet(dir);
  if (older === undefined) return;
  if (isAlive(older.pid))
    throw new SandboxFailure(EXIT.unavailable, `A tailnet is up in ${dir} already (process ${older.pid}).`);
  await removeStaleRuntimeDir(older.runtimeDir);
  await rm(recordFile(dir), { force: true });
}

/**
 * The network of the machine of the sandbox that is up in the same directory; undefined: none is.
 */
async function machineOf(dir: string) {
  const claim = await readClaim(dir);
  if (claim === undefined) return undefined;
  const { pid } = machineNetwork.parse(await askSandbox(dir, { verb: "machine-network" }));
  return { place: placeOf(pid, "the sandbox's machine"), sandboxPid: claim.pid };
}

/** Makes it if need be; then it goes in the end, if it is empty. */
async function useDir(dir: string): Promise<AsyncDisposable> {
  const made = await mkdir(dir, { recursive: true, mode: 0o700 });
  return { [Symbol.asyncDispose]: async () => (made === undefined ? undefined : rmdir(dir).catch(() => undefined)) };
}

async function writeRecord(dir: string, record: TailnetRecord): Promise<AsyncDisposable> {
  const file = recordFile(dir);
  await writeFile(file, `${JSON.stringify(record, null, 2)}\n`, { flag: "wx", mode: 0o600 });
  return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
}
