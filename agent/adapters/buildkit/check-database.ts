import { spawn } from "node:child_process";
import type { DatabaseState } from "../../core/buildkit-health.ts";
import { LineCutter } from "../../core/line-cutter.ts";

/**
 * Measured with bbolt v1.5.0 on two virtual processors: 265 MB in 0.2 s from memory, in 4 s from
 * the disk. A disk that gives only 8 MiB a second is still waited for; longer than this takes only
 * a database whose pages lead in a circle.
 */
const DEADLINE_MS = 10_000;
const LEAST_BYTES_PER_MS = 8 * 1024;
/**
 * A page that claims to be larger than the file makes the check note billions of pages. A sound
 * database of 265 MB was checked within 1 GiB; what is mapped of the file comes on top.
 */
const ADDRESS_SPACE_BYTES = 1024 ** 3;
const LINE_MAX_CHARS = 300;
/**
 * The file could not be opened, or the program could not be run: that tells nothing of the
 * database.
 */
const NO_VERDICT = /^Error: (failed to open|source database|cannot allocate memory)|^(prlimit|setpriv): /;

/**
 * Reads a whole bbolt database and follows every page of it, without changing it (`bbolt check`).
 * The first complaint is enough. A check that does not end within its deadline means damage too: it
 * has come full circle.
 */
export function checkDatabase(
  bbolt: string,
  file: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<DatabaseState> {
  signal.throwIfAborted();
  const deadlineMs = DEADLINE_MS + Math.ceil(sizeBytes / LEAST_BYTES_PER_MS);
  return new Promise((resolve, reject) => {
    const limits = [`--as=${ADDRESS_SPACE_BYTES + 2 * sizeBytes}`, "--core=0"];
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "prlimit", ...limits, "--", bbolt, "check", file], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] },
    });
    let verdict: DatabaseState | undefined;
    let isOk = false;
    const decide = (state: DatabaseState): void => {
      verdict ??= state;
      child.kill("SIGKILL");
    };
    const take = (line: string): void => {
      if (line === "OK") isOk = true;
      else if (NO_VERDICT.test(line)) decide({ at: "unchecked", because: line });
      else if (line !== "") decide({ at: "damaged", because: line.replace(/^Error: /, "") });
    };
    for (const stream of [child.stdout, child.stderr]) {
      const cutter = new LineCutter(LINE_MAX_CHARS);
      stream.setEncoding("utf8");
      stream.on("data", (piece: string) => cutter.push(piece).forEach(take));
      stream.on("end", () => take(cutter.rest()));
    }
    const late = setTimeout(
      () => decide({ at: "damaged", because: `its check did not end within ${deadlineMs} ms` }),
      deadlineMs,
    );
    const abort = (): void => void child.kill("SIGKILL");
    signal.addEventListener("abort", abort, { once: true });
    const settle = (state: DatabaseState): void => {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
      if (signal.aborted) reject(cancelled(signal));
      else resolve(state);
    };
    child.once("error", (failure) => settle({ at: "unchecked", because: `bbolt cannot be run: ${failure.message}` }));
    child.once("close", (code) => {
      const rest: DatabaseState = {
        at: "unchecked",
        because: `bbolt ended with ${code ?? "a signal"} and said nothing`,
      };
      settle(verdict ?? (isOk && code === 0 ? { at: "sound" } : rest));
    });
  });
}

function cancelled({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error("Cancelled", { cause: reason });
}
