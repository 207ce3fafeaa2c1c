/** What is measured together, and is chosen together on the command line. */
export const GROUPS = ["throughput", "round-trip", "handshakes", "sessions", "memory", "build"] as const;
export type Group = (typeof GROUPS)[number];

/** One line of the table. */
export interface Figure {
  readonly group: Group;
  readonly label: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  /** Digits after the point. */
  readonly digits: number;
}

export const FIGURE_IDS = [
  "build",
  "buildCpu",
  "bulkUp",
  "bulkUpCpu",
  "bulkDown",
  "bulkDownCpu",
  "roundTripP50",
  "roundTripP99",
  "handshakes",
  "handshakeCpu",
  "crowd",
  "crowdFairness",
  "crowdSlowest",
  "emptyResident",
  "idleResident",
  "idleSession",
  "idlePss",
  "idlePrivate",
] as const;
export type FigureId = (typeof FIGURE_IDS)[number];

/**
 * MB and GB are decimal. Processor time is the proxy's own, kernel included; it is what is left to
 * compare when the machine is noisy.
 */
export const FIGURES: Readonly<Record<FigureId, Figure>> = {
  build: { group: "build", label: "real build", unit: "s", better: "lower", digits: 2 },
  buildCpu: { group: "build", label: "– processor time", unit: "s", better: "lower", digits: 2 },
  bulkUp: { group: "throughput", label: "bulk towards BuildKit", unit: "MB/s", better: "higher", digits: 0 },
  bulkUpCpu: { group: "throughput", label: "– processor time", unit: "s/GB", better: "lower", digits: 2 },
  bulkDown: { group: "throughput", label: "bulk towards the client", unit: "MB/s", better: "higher", digits: 0 },
  bulkDownCpu: { group: "throughput", label: "– processor time", unit: "s/GB", better: "lower", digits: 2 },
  roundTripP50: { group: "round-trip", label: "round trip, p50", unit: "µs", better: "lower", digits: 0 },
  roundTripP99: { group: "round-trip", label: "round trip, p99", unit: "µs", better: "lower", digits: 0 },
  handshakes: { group: "handshakes", label: "handshakes", unit: "/s", better: "higher", digits: 0 },
  handshakeCpu: { group: "handshakes", label: "– processor time", unit: "ms", better: "lower", digits: 2 },
  crowd: { group: "sessions", label: "200 sessions, together", unit: "MB/s", better: "higher", digits: 0 },
  crowdFairness: { group: "sessions", label: "– fairness (Jain)", unit: "", better: "higher", digits: 3 },
  crowdSlowest: { group: "sessions", label: "– slowest ÷ median session", unit: "", better: "higher", digits: 2 },
  emptyResident: { group: "memory", label: "resident, no session", unit: "MB", better: "lower", digits: 1 },
  idleResident: { group: "memory", label: "resident, 200 idle sessions", unit: "MB", better: "lower", digits: 1 },
  idleSession: { group: "memory", label: "– each idle session", unit: "kB", better: "lower", digits: 1 },
  idlePss: { group: "memory", label: "– shared pages by share (Pss)", unit: "MB", better: "lower", digits: 1 },
  idlePrivate: { group: "memory", label: "– private", unit: "MB", better: "lower", digits: 1 },
};

export type Figures = Partial<Record<FigureId, number>>;
