import { execFile } from "node:child_process";
import { promisify } from "node:util";

const DEADLINE_MS = 50_000;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  /** Both, as a person sees it. */
  readonly output: string;
}

/**
 * Runs a program to its end, however it ends. @throws {Error} if it cannot be started, or is late.
 */
export async function command(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, [...args], {
      env: { ...process.env, ...env },
      timeout: DEADLINE_MS,
      killSignal: "SIGKILL",
    });
    return { code: 0, stdout, output: stdout + stderr };
  } catch (failure) {
    // Node's own error, with what the program said.
    const { code, stdout = "", stderr = "" } = failure as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== "number") throw failure;
    return { code, stdout, output: stdout + stderr };
  }
}
