import { rm } from "node:fs/promises";
import { join } from "node:path";
import { processesNaming } from "./leftovers.ts";

/**
 * Ends the sandbox agent's control process, as a crash would, and takes away what it keeps of its
 * identity: the launcher starts it again, and this machine proves itself anew.
 * @param agentRuntimeDir the agent's `paths.runtimeDir`.
 * @throws {Error} while there is none.
 */
export async function forgetIdentity(configFile: string, agentRuntimeDir: string): Promise<void> {
  const control = (await processesNaming([configFile])).find(({ commandLine }) => commandLine.includes("control"));
  if (control === undefined) throw new Error("The agent's control process is just starting: try again in a moment.");
  await rm(join(agentRuntimeDir, "control", "identity"), { recursive: true, force: true });
  process.kill(control.pid, "SIGKILL");
}
