import { execFile } from "node:child_process";

export interface ProgramEnd {
  /** Absent: it could not be started, or did not end by itself. */
  readonly code?: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no code. */
  readonly cause?: unknown;
}

const OUTPUT_MAX_BYTES = 1024 * 1024;

/**
 * Runs one of systemd's programs to its end. It is killed after `deadlineMs`, and when `signal` is
 * aborted. Its environment is PATH, a locale whose words we know, and `env`.
 * @throws whatever `signal` was aborted with; nothing else.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  limits: { readonly deadlineMs: number; readonly signal: AbortSignal; readonly env?: NodeJS.ProcessEnv },
): Promise<ProgramEnd> {
  const { deadlineMs, signal, env } = limits;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const options = {
      timeout: deadlineMs,
      killSignal: "SIGKILL",
      maxBuffer: OUTPUT_MAX_BYTES,
      encoding: "utf8",
      signal,
      env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8", ...env },
    } as const;
    execFile(program, args, options, (failure, stdout, stderr) => {
      if (failure === null) resolve({ code: 0, stdout, stderr });
      else if (signal.aborted) reject(abortReason(signal));
      else if (typeof failure.code === "number") resolve({ code: failure.code, stdout, stderr });
      else resolve({ stdout, stderr, cause: failure });
    });
  });
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("Cancelled", { cause: signal.reason });
}
