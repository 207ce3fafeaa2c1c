import { spawn } from "node:child_process";
import { once } from "node:events";
import { AgentError } from "../../core/errors.ts";
import { programEnvironment } from "../../core/program-environment.ts";
import { isCode, NotThere } from "./collector.ts";

const COMPLAINT_MAX_BYTES = 500;

/**
 * What a program prints, as it prints it. It is killed when the reader stops, and when `signal` is
 * aborted; one that does not die is not waited for.
 * @throws {NotThere} where there is no such program. {AgentError} "bundle.program-failed" with its
 * first words, after what it printed.
 */
export async function* programOutput(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
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
      throw isCode(cause, "ENOENT") ? new NotThere(`${program} is not in ${env.PATH}`, cause) : cause;
    });
    for await (const bytes of child.stdout as AsyncIterable<Buffer>) yield bytes;
    await closed;
    if (child.exitCode !== 0) throw failed(program, args, child.exitCode ?? child.signalCode, complaint);
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}

function failed(
  program: string,
  args: readonly string[],
  how: number | string | null,
  complaint: string,
): AgentError {
  const [first = ""] = complaint.trim().split("\n");
  const said = first === "" ? "it said nothing" : first.slice(0, COMPLAINT_MAX_BYTES);
  return new AgentError("bundle.program-failed", `${[program, ...args].join(" ")} ended with ${how}: ${said}`, {
    retryable: true,
  });
}
