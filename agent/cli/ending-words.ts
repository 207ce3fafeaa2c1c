import type { EndingAt, EndingProgress } from "../core/ending-progress.ts";
import { duration } from "../core/time-words.ts";

const DOING: Readonly<Record<Exclude<EndingAt, "draining">, string>> = {
  cut: "cutting what is still open",
  records: "writing session records to disk",
  terminals: "ending debug terminals",
  buildkit: "stopping BuildKit",
  cache: "closing the cache",
  tailnet: "leaving the tailnet",
  farewell: "reporting to the control plane",
  over: "done",
};

/** More are counted. */
const NAMED = 5;

/** How far an ending is, in one line without its end. */
export function endingInWords({ at, open, leftMs, terminals }: EndingProgress): string {
  if (at !== "draining") return DOING[at];
  if (open === undefined) return `the gateway is out of sight: waiting for it, at most ${duration(leftMs)}`;
  if (open.sessions === 0 && terminals !== undefined) {
    const waiting =
      terminals.count === 1 ? "1 debug terminal, which ends" : `${terminals.count} debug terminals, which end`;
    return `no build has a connection: waiting for ${waiting} in ${duration(terminals.leftMs)} at the latest`;
  }
  if (open.sessions === 0) return `nothing is open: waiting for builds between two connections`;
  const names = open.named
    .slice(0, NAMED)
    .map(({ buildId, sessions }) => (sessions === 1 ? buildId : `${buildId} (${sessions} sessions)`));
  const more = open.builds - names.length;
  const listed = [...names, ...(more > 0 ? [`${more} more`] : [])].join(", ");
  return `waiting for ${open.builds === 1 ? "1 open build" : `${open.builds} open builds`}: ${listed}; cut in ${duration(leftMs)} at the latest`;
}
