import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { AgentError } from "../../core/errors.ts";
import { programEnvironment } from "../../core/program-environment.ts";
import { Deadline } from "../../lifecycle/deadline.ts";

export const TOOL_ENVIRONMENT = programEnvironment(process.env["PATH"]);

/**
 * They talk to the kernel and to nobody else. It may have to load modules first, on a machine that
 * is emulated and still starting.
 */
const DEADLINE_MS = 30_000;

export type Tool = "ip" | "nft";

const PACKAGES: Readonly<Record<Tool, string>> = { ip: "iproute2", nft: "nftables" };

/**
 * What a tool of the kernel's network said. `input`: what it reads.
 * @throws {AgentError} "network.tool-missing"; "network.failed" (retryable) with its own words.
 * When `signal` is aborted it is killed, and the signal's reason thrown.
 */
export async function runTool(tool: Tool, args: readonly string[], signal: AbortSignal, input = ""): Promise<string> {
  signal.throwIfAborted();
  using deadline = new Deadline(DEADLINE_MS, signal);
  const child = spawn(tool, args, {
    stdio: "pipe",
    env: TOOL_ENVIRONMENT,
    signal: deadline.signal,
    killSignal: "SIGKILL",
  });
  // One that refuses before it has read everything tells so by its exit code.
  child.stdin.on("error", () => undefined).end(input);
  try {
    const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    if (child.exitCode === 0) return said;
    throw failed(tool, args, `ended with ${child.exitCode ?? child.signalCode}: ${firstLine(complaint || said)}`);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof AgentError) throw cause;
    if (deadline.hasExpired) throw failed(tool, args, `did not end within ${DEADLINE_MS} ms`, cause);
    throw new AgentError(
      "network.tool-missing",
      `The builds' network needs ${tool}, which is not in ${TOOL_ENVIRONMENT.PATH}: install the package ${PACKAGES[tool]}`,
      { retryable: false, cause },
    );
  }
}

function failed(tool: Tool, args: readonly string[], how: string, cause?: unknown): AgentError {
  return new AgentError("network.failed", `${[tool, ...args].join(" ")} ${how}`, { retryable: true, cause });
}

function firstLine(words: string): string {
  const [first = ""] = words.trim().split("\n");
  return first === "" ? "it said nothing" : first.slice(0, 300);
}
