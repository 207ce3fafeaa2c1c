import { execFile } from "node:child_process";
import { promisify } from "node:util";

const DEADLINE_MS = 60_000;
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

/** Runs a program to its end. @throws {Error} with all that it said, unless it ends with 0. */
export async function command(program: string, args: readonly string[], deadlineMs = DEADLINE_MS): Promise<string> {
  const options = {
    timeout: deadlineMs,
    maxBuffer: OUTPUT_MAX_BYTES,
    encoding: "utf8",
    killSignal: "SIGKILL",
  } as const;
  try {
    return (await promisify(execFile)(program, [...args], options)).stdout;
  } catch (cause) {
    const { stdout = "", stderr = "" } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause });
  }
}
