import { writeSync } from "node:fs";
import { AgentError } from "../../core/errors.ts";
import { inherited } from "./inherited.ts";
import { runProgram } from "./run-program.ts";

/** systemd-notify waits 5 s until the manager has read the message. */
const DEADLINE_MS = 8_000;

/** How a message reaches the service manager. */
export interface NotifyChannel {
  /**
   * Resolves once the manager has the message, or has it in its queue: it reads the queue as long
   * as this process lives.
   * @throws {AgentError} "service.not-notified" (retryable); or what `signal` was aborted with.
   */
  send(assignments: readonly string[], signal: AbortSignal): Promise<void>;
}

/**
 * Node cannot make datagram sockets, but it writes to one that it inherits: the units start it by
 * `bin/with-notify-socket`, which leaves the socket's number in NOTIFY_FD. That costs no process.
 * Without such a socket, or with one whose other end is gone, `systemd-notify` sends the message
 * (NotifyAccess=all). Undefined: no manager listens.
 */
export function notifyChannel(environment: Readonly<Record<string, string | undefined>>): NotifyChannel | undefined {
  const address = environment["NOTIFY_SOCKET"];
  if (address === undefined || address === "") return undefined;
  const fd = inherited(environment["NOTIFY_FD"], (about) => about.isSocket());
  return {
    async send(assignments, signal) {
      if (fd !== undefined && wrote(fd, assignments.join("\n"))) return;
      await sendByProgram(address, assignments, signal);
    },
  };
}

/**
 * False if the other end is gone. @throws {AgentError} "service.not-notified" while the manager's
 * queue is full.
 */
function wrote(fd: number, message: string): boolean {
  try {
    writeSync(fd, message);
    return true;
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EAGAIN")) return false;
    throw notNotified("systemd is busy: the queue of its notification socket is full", cause);
  }
}

async function sendByProgram(socket: string, assignments: readonly string[], signal: AbortSignal): Promise<void> {
  const limits = { deadlineMs: DEADLINE_MS, signal, env: { NOTIFY_SOCKET: socket } };
  const { code, stderr, cause } = await runProgram("systemd-notify", assignments, limits);
  if (code === 0) return;
  const said = stderr.trim();
  throw notNotified(`systemd-notify failed${said === "" ? "" : `: ${said}`}`, cause);
}

function notNotified(message: string, cause: unknown): AgentError {
  return new AgentError("service.not-notified", message, { retryable: true, cause });
}
