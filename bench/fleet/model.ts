import type { FleetResult } from "./result.ts";

/** What one process of a control plane may be loaded with before it needs a second one. */
const ROOM = {
  /** Of its core: the rest is for what nobody has counted. */
  core: 0.7,
  memoryMb: 2_000,
  /** Open streams. A load balancer has some 28,000 ports towards one address and port. */
  connections: 20_000,
} as const;

/** Certificates are renewed at two thirds of an hour. */
const RENEWED_EVERY_SECONDS = 2_400;

/** The measured figures, for another number of agents. */
export interface Extrapolated {
  readonly agents: number;
  /** Of the plane, in cores, with nothing to do. */
  readonly idleCores: number;
  readonly memoryMb: number;
  readonly renewalsPerSecond: number;
  /** Each is two certificates and a new stream: at most what a registration costs. */
  readonly renewalCores: number;
  readonly returnPeakPerSecond: number;
  /** To serve the peak of the return as it comes. */
  readonly returnCores: number;
  /** Until so many have registered that all boot at once, on one core. */
  readonly registrationCoreSeconds: number;
  /** Processes that the plane needs, by what needs them. */
  readonly planesFor: Readonly<Record<Need, number>>;
  readonly planes: number;
  /** What needs the most of them: with fewer, it is what breaks. */
  readonly breaksFirst: Need;
  /** Of a change for all, with so many planes: each serves its part at the measured pace. */
  readonly fanOutP99Seconds: number;
}

type Need = "idle" | "memory" | "streams" | "return";

/** All costs of the plane grow with the number of agents; the spread of the return does not. */
export function extrapolate(result: FleetResult, agents: number): Extrapolated {
  const { burst, steady, outage, caChange } = result;
  const factor = agents / result.agents;
  const idleCores = (steady.planeCpuPercent / 100) * factor;
  const memoryMb = steady.planeMemoryMb * factor;
  const renewalsPerSecond = agents / RENEWED_EVERY_SECONDS;
  const renewalCores = (renewalsPerSecond * burst.planeMsEach) / 1_000;
  const returnPeakPerSecond = outage.tries.peakPerSecond * factor;
  const returnCores = (returnPeakPerSecond * outage.planeMsEach) / 1_000;
  const planesFor = {
    idle: planes(idleCores + renewalCores, ROOM.core),
    memory: planes(memoryMb, ROOM.memoryMb),
    streams: planes(agents, ROOM.connections),
    return: planes(returnCores, ROOM.core),
  };
  const most = Math.max(...Object.values(planesFor));
  const byNeed = (["return", "idle", "streams", "memory"] as const).toSorted((a, b) => planesFor[b] - planesFor[a]);
  const [breaksFirst = "return"] = byNeed;
  return {
    agents,
    idleCores,
    memoryMb,
    renewalsPerSecond,
    renewalCores,
    returnPeakPerSecond,
    returnCores,
    registrationCoreSeconds: (agents * burst.planeMsEach) / 1_000,
    planesFor,
    planes: most,
    breaksFirst,
    fanOutP99Seconds: ((caChange.overlap.p99Ms / 1_000) * factor) / most,
  };
}

function planes(needed: number, each: number): number {
  return Math.max(1, Math.ceil(needed / each));
}
