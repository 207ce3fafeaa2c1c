import { AgentError, inWords } from "../../core/errors.ts";
import { gatewaysOf } from "../../core/views.ts";
import type { BuildkitCells, BuildkitPorts } from "./parts.ts";

/** What BuildKit fetches does not pass the guard, or that is not known. */
export class Unguarded extends AgentError {
  constructor(because: string, cause: unknown) {
    super("buildkit.unguarded", because, { retryable: true, cause });
  }
}

/**
 * Before a build is let in: what BuildKit fetches passes the guard. @throws {Unguarded} if
 * something of what it must not reach answered, or that could not be tried.
 */
export async function proveGuarded(
  { probe, log }: Pick<BuildkitPorts, "probe" | "log">,
  { network }: Pick<BuildkitCells, "network">,
  signal: AbortSignal,
): Promise<void> {
  const gateways = gatewaysOf(network.get());
  const reached = await probe.reaches(gateways, signal).catch((err: unknown) => {
    throw new Unguarded(`Whether what it fetches passes the guard is not known: ${inWords(err)}`, err);
  });
  if (reached.length === 0) return;
  log.error({ reached }, "buildkit.unguarded");
  const places = reached.map(({ target }) => target).join(", ");
  throw new Unguarded(`What it fetches does not pass the guard: it reaches ${places}`, undefined);
}
