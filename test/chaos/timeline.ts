/** How a build's client ended. */
export type Outcome =
  | { readonly is: "right" }
  /** It succeeded, and its output is not what its context makes. */
  | { readonly is: "wrong"; readonly found: string }
  /** `tells`: in which ways somebody was told why: see `Fault.breaks`. */
  | { readonly is: "failed"; readonly tells: readonly string[]; readonly said: string };

/** A build from its order to its end. All moments are of the wall clock. */
export interface BuildRun {
  readonly buildId: string;
  readonly orderedMs: number;
  readonly endedMs: number;
  readonly outcome: Outcome;
}

/** A fault as it was. */
export interface FaultRun {
  /** A name in FAULTS. */
  readonly is: string;
  readonly beganMs: number;
  readonly mendedMs: number;
  /** The only build that it concerns; undefined: any. */
  readonly target?: string;
}

/** A session that the gateway let in, by its log. */
export interface SessionSeen {
  readonly sessionId: string;
  readonly buildId: string;
  readonly openedMs: number;
}

/** A record as the control plane has it. */
export interface RecordSeen {
  readonly sessionId: string;
  readonly buildId: string;
  readonly bootId: string;
  readonly sequence: bigint;
  /** "client-closed" */
  readonly ending: string;
}

export interface Timeline {
  readonly faults: readonly FaultRun[];
  readonly builds: readonly BuildRun[];
  readonly sessions: readonly SessionSeen[];
  readonly records: readonly RecordSeen[];
  /** When the last fault was mended, and when the machine was ready after that, if it was. */
  readonly lastMendMs: number;
  readonly readyMs: number | undefined;
}

/** A promise that was not kept, and why we think so. */
export interface Breach {
  readonly promise: string;
  readonly because: string;
}
