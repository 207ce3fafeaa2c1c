import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, SandboxFailure } from "../../failure.ts";
import { isAlive, readTailnet } from "../../tailnet/record.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

const DEADLINE_MS = 20_000;
const LOOK_EVERY_MS = 50;

/** Tells the process that keeps it to end, and waits for that. */
export async function tailnetDown(options: InDir, { out }: Terminal): Promise<void> {
  const { pid } = await readTailnet(resolve(options.dir));
  process.kill(pid, "SIGTERM");
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  while (isAlive(pid)) {
    if (deadline.aborted) throw new SandboxFailure(EXIT.software, `The tailnet (process ${pid}) does not end.`);
    await sleep(LOOK_EVERY_MS);
  }
  out("The tailnet is down.");
}
