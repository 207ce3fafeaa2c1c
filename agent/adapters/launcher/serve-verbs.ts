import type { Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";
import type { BuildkitUnit } from "../../ports/buildkit.ts";
import type { Log } from "../../ports/log.ts";
import type { UnitControl } from "../../ports/service-units.ts";
import { on, serve } from "../../wire/serve.ts";
import { BUILDKIT, LAUNCHER, TAILNET } from "./protocol.ts";

/** What the verbs are for. */
export interface Managed {
  readonly buildkit: BuildkitUnit;
  /** Absent where there is none on this machine. */
  readonly tailscaled?: UnitControl;
}

const NO_TAILSCALED: UnitControl = {
  start: () => Promise.reject(notInstalled()),
  stop: () => Promise.resolve(),
  show: () => Promise.resolve({ at: "not-installed", result: "" }),
};

/**
 * Answers one connection. A verb that has begun is carried out also if its asker is gone: it may be
 * a dying control's last wish. Only a watch ends with its connection. Never throws.
 */
export async function serveVerbs(
  { buildkit, tailscaled = NO_TAILSCALED }: Managed,
  socket: Socket,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const done = { is: "done" } as const;
  await serve(
    LAUNCHER,
    [
      on(BUILDKIT.configure, ({ toml }, verb) => buildkit.configure(toml, verb).then(() => done)),
      on(BUILDKIT.start, (_, verb) => buildkit.start(verb).then(() => done)),
      on(BUILDKIT.stop, ({ graceMs }, verb) => buildkit.stop(graceMs, verb).then(() => done)),
      on(BUILDKIT.watch, async (_, asker, step) => {
        for await (const status of buildkit.statuses(asker)) step({ is: "status", status });
        return undefined;
      }),
      on(TAILNET.start, (_, verb) => tailscaled.start(verb).then(() => done)),
      on(TAILNET.stop, (_, verb) => tailscaled.stop(verb).then(() => done)),
      on(TAILNET.show, async (_, verb) => ({ is: "unit", ...(await tailscaled.show(verb)) })),
    ],
    socket,
    { signal, onFailure: (err) => log.warn({ err }, "launcher.verb-failed") },
  );
}

function notInstalled(): AgentError {
  return new AgentError("service.not-found", "There is no tailscaled on this machine", { retryable: false });
}
