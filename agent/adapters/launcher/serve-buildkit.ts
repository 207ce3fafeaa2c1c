import type { Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";
import { Branch } from "../../lifecycle/branch.ts";
import type { BuildkitUnit } from "../../ports/buildkit.ts";
import type { Log } from "../../ports/log.ts";
import { firstLineOf } from "./lines.ts";
import { type Answer, type Request, readRequest, toLine } from "./protocol.ts";

/**
 * Answers one connection. A verb that has begun is carried out also if its asker is gone: it may be a dying control's last wish. Only a watch
 * ends with its connection.
 */
export async function serveBuildkit(unit: BuildkitUnit, socket: Socket, log: Log, signal: AbortSignal): Promise<void> {
  using connection = new Branch(signal);
  socket.once("close", () => connection.abort());
  try {
    const request = readRequest(await firstLineOf(socket));
    if (request.verb === "buildkit.watch") {
      for await (const status of unit.statuses(connection.signal)) socket.write(toLine({ is: "status", status }));
      return;
    }
    await carryOut(unit, request, signal);
    socket.end(toLine({ is: "done" }));
  } catch (err) {
    if (connection.signal.aborted) return;
    log.warn({ err }, "launcher.verb-failed");
    socket.end(toLine(failed(err)));
  }
}

function carryOut(
  unit: BuildkitUnit,
  request: Exclude<Request, { verb: "buildkit.watch" }>,
  signal: AbortSignal,
): Promise<void> {
  switch (request.verb) {
    case "buildkit.configure":
      return unit.configure(request.toml, signal);
    case "buildkit.start":
      return unit.start(signal);
    case "buildkit.stop":
      return unit.stop(request.graceMs, signal);
    default:
      return request satisfies never;
  }
}

function failed(err: unknown): Answer {
  const known = err instanceof AgentError;
  return {
    is: "failed",
    code: known ? err.code : "launcher.failed",
    message: err instanceof Error ? err.message : String(err),
    retryable: !known || err.retryable,
  };
}
