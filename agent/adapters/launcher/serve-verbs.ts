import type { Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";
import { Branch } from "../../lifecycle/branch.ts";
import type { BuildkitUnit } from "../../ports/buildkit.ts";
import type { Log } from "../../ports/log.ts";
import type { UnitControl } from "../../ports/service-units.ts";
import { firstLineOf } from "./lines.ts";
import { type Answer, type Request, readRequest, toLine } from "./protocol.ts";

/** What the verbs are for. */
export interface Managed {
  readonly buildkit: BuildkitUnit;
  /** Absent where there is none on this machine. */
  readonly tailscaled?: UnitControl;
}

const DONE = { is: "done" } as const;

const NO_TAILSCALED: UnitControl = {
  start: () => Promise.reject(notInstalled()),
  stop: () => Promise.resolve(),
  show: () => Promise.resolve({ at: "not-installed", result: "" }),
};

/**
 * Answers one connection. A verb that has begun is carried out also if its asker is gone: it may be a dying control's last wish. Only a watch
 * ends with its connection.
 */
export async function serveVerbs(managed: Managed, socket: Socket, log: Log, signal: AbortSignal): Promise<void> {
  using connection = new Branch(signal);
  socket.once("close", () => connection.abort());
  try {
    const request = readRequest(await firstLineOf(socket));
    if (request.verb === "buildkit.watch") {
      for await (const status of managed.buildkit.statuses(connection.signal))
        socket.write(toLine({ is: "status", status }));
      return;
    }
    socket.end(toLine(await carryOut(managed, request, signal)));
  } catch (err) {
    if (connection.signal.aborted) return;
    log.warn({ err }, "launcher.verb-failed");
    socket.end(toLine(failed(err)));
  }
}

async function carryOut(
  { buildkit, tailscaled = NO_TAILSCALED }: Managed,
  request: Exclude<Request, { verb: "buildkit.watch" }>,
  signal: AbortSignal,
): Promise<Answer> {
  switch (request.verb) {
    case "buildkit.configure":
      await buildkit.configure(request.toml, signal);
      return DONE;
    case "buildkit.start":
      await buildkit.start(signal);
      return DONE;
    case "buildkit.stop":
      await buildkit.stop(request.graceMs, signal);
      return DONE;
    case "tailnet.start":
      await tailscaled.start(signal);
      return DONE;
    case "tailnet.stop":
      await tailscaled.stop(signal);
      return DONE;
    case "tailnet.show":
      return { is: "unit", ...(await tailscaled.show(signal)) };
    default:
      return request satisfies never;
  }
}

function notInstalled(): AgentError {
  return new AgentError("service.not-found", "There is no tailscaled on this machine", { retryable: false });
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
