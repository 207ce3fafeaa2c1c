import { within } from "../../lifecycle/branch.ts";
import type { BuildkitPorts } from "./parts.ts";

/** Builds wait for it no longer: it is then tried again beside them. */
const FORGET_MS = 20_000;

/**
 * BuildKit keeps a copy of what a client sent, and apart from it the digests of that. An end in the
 * middle of a transfer leaves new files with old digests: a build that copies them fails, or gets
 * the layer of the old ones. Resolves to whether it is done: nobody is kept out for it.
 */
export async function forgetTransfers(
  { buildkitCache, clock, log }: Pick<BuildkitPorts, "buildkitCache" | "clock" | "log">,
  isAgain: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const forgotten = await within(clock, FORGET_MS, signal, (limit) => buildkitCache.forgetTransfers(limit));
    if (forgotten.records > 0) log.info({ ...forgotten }, "buildkit.transfers-forgotten");
    return true;
  } catch (err) {
    if (!signal.aborted && !isAgain) log.warn({ err }, "buildkit.transfers-not-forgotten");
    return false;
  }
}
