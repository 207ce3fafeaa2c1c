export type Level = "debug" | "info" | "warn" | "error";
export type ProcessName = "buildkit" | "control" | "gateway" | "launcher" | "network" | "terminal" | "volume";

/** What a stable name in the log means. `docs/events.md` is made of these. */
export interface EventFacts {
  /** Several, where it depends on what happened. */
  readonly at: readonly Level[];
  /** Names of the data. "name?" may be absent; "*" stands for names that are not ours. */
  readonly fields: readonly string[];
  /** One sentence for whoever reads the line. */
  readonly says: string;
}

export type EventTable = Readonly<Record<string, EventFacts>>;
