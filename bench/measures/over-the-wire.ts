import type { LoadClient } from "../load/load-client.ts";
import { type Effort, SESSIONS } from "./effort.ts";
import type { Measure } from "./measure.ts";
import { withProxyCpu } from "./proxy-effort.ts";

const MB = 1e6;
const GB = 1e9;

/** What the load client measures. */
export function overTheWire(client: LoadClient, effort: Effort): readonly Measure[] {
  return [bulk("up"), bulk("down"), roundTrip, handshakes, sessions].map((measure) => measure(client, effort));
}

type MakeMeasure = (client: LoadClient, effort: Effort) => Measure;

function bulk(direction: "up" | "down"): MakeMeasure {
  const [rate, cost] = direction === "up" ? (["bulkUp", "bulkUpCpu"] as const) : (["bulkDown", "bulkDownCpu"] as const);
  return (client, { bulkBytes }) => ({
    group: "throughput",
    name: `bulk ${direction}`,
    behind: "far-end",
    async run(subject, signal) {
      const { result, cpu } = await withProxyCpu(subject, () => client.bulk(direction, subject, bulkBytes, signal));
      const { bytes, seconds } = result;
      return { [rate]: bytes / seconds / MB, ...(cpu === undefined ? {} : { [cost]: cpu / (bytes / GB) }) };
    },
  });
}

const roundTrip: MakeMeasure = (client, { trips }) => ({
  group: "round-trip",
  name: "round trip",
  behind: "far-end",
  async run(subject, signal) {
    const { p50Micros, p99Micros } = await client.roundTrip(subject, trips, signal);
    return { roundTripP50: p50Micros, roundTripP99: p99Micros };
  },
});

/**
 * V8 compiles what runs often: after some 2,000 handshakes one costs half of what the first ones
 * do.
 */
const HANDSHAKE_WARM_UPS = 5;

const handshakes: MakeMeasure = (client, { handshakes: count }) => ({
  group: "handshakes",
  name: "handshakes",
  behind: "buildkitd",
  warmUps: HANDSHAKE_WARM_UPS,
  async run(subject, signal) {
    const { result, cpu } = await withProxyCpu(subject, () => client.handshakes(subject, count, signal));
    const { handshakes: made, seconds } = result;
    return { handshakes: made / seconds, ...(cpu === undefined ? {} : { handshakeCpu: (cpu / made) * 1e3 }) };
  },
});

const sessions: MakeMeasure = (client, { sessionsSeconds }) => ({
  group: "sessions",
  name: `${SESSIONS} sessions`,
  behind: "far-end",
  async run(subject, signal) {
    const load = { count: SESSIONS, seconds: sessionsSeconds };
    const { bytes, seconds, fairness, slowestShare } = await client.sessions(subject, load, signal);
    return { crowd: bytes / seconds / MB, crowdFairness: fairness, crowdSlowest: slowestShare };
  },
});
