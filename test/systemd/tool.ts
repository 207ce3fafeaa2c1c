import { execFile } from "node:child_process";
import { promisify } from "node:util";

const DEADLINE_MS = 30_000;

/** All that a program says, and its exit code. */
export async function said(
  program: string,
  args: readonly string[],
): Promise<{ readonly output: string; readonly code: number }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, [...args], {
      timeout: DEADLINE_MS,
      encoding: "utf8",
    });
    return { output: stdout + stderr, code: 0 };
  } catch (failure) {
    // What promisify(execFile) throws.
    const { stdout = "", stderr = "", code } = failure as { stdout?: string; stderr?: string; code?: number };
    return { output: stdout + stderr || String(failure), code: typeof code === "number" ? code : -1 };
  }
}
