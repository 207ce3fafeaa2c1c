import { rfc3339 } from "../moment.ts";
import { LATELY_MS, type RefusalsLately, refusalRemedy, refusedLately } from "../refusals-lately.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** A line each in the evidence; the metric has them all. */
const MOST_REASONS = 6;
const LATELY = `within ${LATELY_MS / 60_000} min`;

/**
 * Never blocks: a machine that turns some away serves the others. What strangers at a public port
 * bring about is evidence, and no warning.
 */
export const refusedConnections: Check = {
  name: "refused-connections",
  title: "Refused connections",
  blocking: false,
  dependsOn: ["gateway", "serving-certificate"],
  remedy: "builder-agent logs --unit gateway shows who was refused, and why",
  evidence: ({ refusals }) =>
    refusals === undefined ? ["the gateway has not told its counters yet"] : countedInWords(refusals),
  look({ refusals, gateway }) {
    if (gateway.at === "away") return unknown("The gateway does not answer, so nobody knows whom it refuses");
    if (refusals === undefined) return unknown("The gateway has not told yet whom it refused");
    const [worst] = refusedLately(refusals)
      .map(([reason]) => refusals.amiss.find((one) => one === reason))
      .filter((reason) => reason !== undefined);
    if (worst === undefined) return ok("No client is refused that should be let in, as far as the gateway can tell");
    return failed(`Clients are refused: ${refusals.amiss.join(", ")}`, { remedy: refusalRemedy(worst) });
  },
};

/** "1,204 refused within 10 min: 1,200 × chain-not-trusted, 4 × certificate-expired". */
function countedInWords(refusals: RefusalsLately): readonly string[] {
  const counts = refusedLately(refusals);
  const since = `counted since ${rfc3339(refusals.watchedSince.wallMs)}`;
  if (counts.length === 0) return [`no connection refused ${LATELY}`, since];
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  const shown = counts.slice(0, MOST_REASONS).map(([reason, count]) => `${number(count)} × ${reason}`);
  const more = counts.length > MOST_REASONS ? ", and others" : "";
  return [`${number(total)} refused ${LATELY}: ${shown.join(", ")}${more}`, since];
}

function number(count: number): string {
  return count.toLocaleString("en-US");
}
