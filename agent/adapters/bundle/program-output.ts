import { spawn } from "node:child_process";
import { once } from "node:events";
import { AgentError } from "../../core/errors.ts";
import { programEnvironment } from "../../core/program-environment.ts";
import { isCode, NotThere } from "./collector.ts";

const COMPLAINT_MAX_BYTES = 500;

/**
 * What a program prints, as it prints it. It is killed when the reader stops, and when `signal` is
 * aborted; one that does not die is not waited for. `absent`: how it says that what it was asked
 * for does not exist.
 * @throws {NotThere} for that, and where there is no such program. {AgentError}
 * "bundle.program-failed" with its first words, after what it printed.
 */
export async function* programOutput(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  absent?: RegExp,
): AsyncGenerator<Buffer, void, undefined> {
  signal.throwIfAborted();
  const env = programEnvironment(process.env["PATH"]);
  const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"], env });
  const started = once(child, "spawn");
  const closed = once(child, "close");
  closed.catch(() => undefined);
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (complaint.length < COMPLAINT_MAX_BYTES) complaint += text;
  });
  const end = (): void => {
    child.kill("SIGKILL");
    child.stdout.destroy();
    child.stderr.destroy();
    child.unref();
  };
  signal.addEventListener("abort", end, { once: true });
  try {
    await started.catch((cause: unknown) => {
      throw isCode(cause, "ENOENT") ? new NotThere(`There is no program ${program}`, cause) : cause;
    });
    for await (const bytes of child.stdout as AsyncIterable<Buffer>) yield bytes;
    await closed;
    if (child.exitCode !== 0) throw failed(program, child.exitCode ?? child.signalCode, complaint, absent);
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}

function failed(program: string, how: number | string | null, complaint: string, absent?: RegExp): AgentError {
  const [first = ""] = complaint.trim().split("\n");
  const said = first === "" ? "it said nothing" : first.slice(0, COMPLAINT_MAX_BYTES);
  if (absent?.test(said) === true) return new NotThere(`${program}: ${said}`);
  return new AgentError("bundle.program-failed", `${program} ended with ${how}: ${said}`, { retryable: true });
}
