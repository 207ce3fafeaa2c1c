import { isFailedCall } from "../../core/unit-exit.ts";
import { runProgram } from "./run-program.ts";

const DEADLINE_MS = 5_000;
/** As many as UnitExit may hold. */
const LINES = 20;
/** Most of them may be of calls that failed. */
const READ_LINES = 200;

/**
 * What the processes of one run of a unit wrote last, oldest first. Empty where the journal cannot
 * be read: it explains an end, and must not hide it.
 */
export async function lastWords(invocationId: string, signal: AbortSignal): Promise<readonly string[]> {
  if (invocationId === "") return [];
  const { stdout } = await runProgram(
    "journalctl",
    ["--no-pager", "--quiet", "--output=cat", `--lines=${READ_LINES}`, `_SYSTEMD_INVOCATION_ID=${invocationId}`],
    { deadlineMs: DEADLINE_MS, signal },
  );
  return stdout
    .split("\n")
    .filter((line) => line !== "" && !isFailedCall(line))
    .slice(-LINES);
}
