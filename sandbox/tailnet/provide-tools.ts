import { spawn } from "node:child_process";
import { once } from "node:events";
import { EXIT, SandboxFailure } from "../failure.ts";
import { inTree } from "../stack/tree.ts";
import { readTailnetTools, type TailnetTools } from "./tools.ts";

/**
 * Builds what a tailnet is made of where that has not been done: minutes, once; it says so itself.
 * @throws {SandboxFailure} The signal's reason.
 */
export async function provideTailnetTools(signal: AbortSignal): Promise<TailnetTools> {
  const found = await readTailnetTools().catch(() => undefined);
  if (found !== undefined) return found;
  const setUp = spawn(process.execPath, [inTree("tools/setup.mjs"), "tailnet"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const stop = (): void => void setUp.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  await once(setUp, "close");
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (setUp.exitCode === 0) return readTailnetTools();
  throw new SandboxFailure(EXIT.unavailable, "What a tailnet is made of could not be built: see above.");
}
