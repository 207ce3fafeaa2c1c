import { type Arrivals, arrivals, percentile } from "../arrivals.ts";
import { monoMs } from "../crew/words.ts";
import type { Fleet } from "../fleet.ts";
import type { Call } from "../machine/watched-plane.ts";
import { Processor } from "./processor.ts";

/** How a whole fleet came to its control plane. */
export interface Attaching {
  readonly secondsTo95Attached: number;
  readonly secondsToAllReady: number;
  /** Calls as the agents began them, until 95 % were attached: that is how evenly they come. */
  readonly tries: Arrivals;
  /** The same as the plane read them: a busy machine lets it stand still, and then reads many. */
  readonly requests: Arrivals;
  /** Processor time until all were ready, for each machine. */
  readonly planeMsEach: number;
  readonly agentMsEach: number;
}

const ASKED: readonly Call[] = ["GetChallenge", "Register", "RenewCertificates", "Attach"];
const MOST = 0.95;

/** Lets them come, and waits until every one of them is attached and ready. */
export async function attaching(
  fleet: Fleet,
  letThemCome: () => Promise<void>,
  signal: AbortSignal,
): Promise<Attaching> {
  const processor = await Processor.begin(fleet);
  const beganMs = monoMs();
  await letThemCome();
  const { plane, names, logbook } = fleet;
  const size = names.length;
  await plane.until(() => fleet.ready === size, {
    what: `all ${size} machines to be ready`,
    deadlineMs: FOREVER_MS,
    signal,
  });
  const readyMs = monoMs();
  const spent = await processor.spent();
  const attached = (): readonly number[] => [
    ...new Map(
      logbook
        .calls(["attached"], beganMs)
        .toReversed()
        .map(({ machine, atMs }) => [machine, atMs]),
    ).values(),
  ];
  await logbook.until(() => attached().length === size, signal);
  const mostMs = percentile(attached(), MOST);
  const triedMs = logbook.calls(ASKED, beganMs).map(({ atMs }) => atMs);
  return {
    secondsTo95Attached: (mostMs - beganMs) / 1_000,
    secondsToAllReady: (readyMs - beganMs) / 1_000,
    requests: arrivals(fleet.arrivedMs, beganMs, mostMs),
    tries: arrivals(triedMs, beganMs, mostMs),
    planeMsEach: (spent.plane * 1_000) / size,
    agentMsEach: (spent.agents * 1_000) / size,
  };
}

/** The signal ends it: the bench as a whole has a limit. */
const FOREVER_MS = 2 ** 31 - 1;
