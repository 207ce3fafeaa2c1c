import { inWords, isPassing } from "../../core/errors.ts";
import { Branch } from "../../lifecycle/branch.ts";
import type { Evidence, EvidenceSource } from "../../ports/evidence.ts";
import type { Log } from "../../ports/log.ts";
import { noEvidence } from "./no-evidence.ts";

/** For all platforms together: a machine of none of them is not to wait longer for the news. */
export const AUTO_MS = 2_000;

/**
 * Asks several platforms at once for evidence and takes the best that there is. The rest is
 * dropped, and never leaves this process.
 * @param sources the best first, each with a budget of `AUTO_MS`.
 */
export function autoEvidence({
  sources,
  log,
}: {
  readonly sources: readonly EvidenceSource[];
  readonly log: Log;
}): EvidenceSource {
  return {
    kind: "auto",
    async gather(challenge, key, outer) {
      using branch = new Branch(outer);
      const tries = sources.map((source) => ({
        kind: source.kind,
        ended: settled(source.gather(challenge, key, branch.signal)),
      }));
      const failures: unknown[] = [];
      const told: string[] = [];
      for (const { kind, ended } of tries) {
        const end = await ended;
        outer.throwIfAborted();
        if ("evidence" in end) {
          log.info({ kind, notTaken: told }, "identity.evidence-found");
          return end.evidence;
        }
        failures.push(end.failure);
        told.push(`${kind}: ${inWords(end.failure)}`);
      }
      throw noEvidence(
        `No platform says within ${AUTO_MS / 1_000} s which machine this is; set identity.kind, if one should. ${told.join(". ")}`,
        { retryable: failures.some(isPassing) },
      );
    },
  };
}

type End = { readonly evidence: Evidence } | { readonly failure: unknown };

/** Never rejects: a try is looked at only when its turn has come. */
function settled(gathering: Promise<Evidence>): Promise<End> {
  return gathering.then(
    (evidence) => ({ evidence }),
    (failure: unknown) => ({ failure }),
  );
}
