import type { ProcessorTime } from "./processor-time.ts";

/** What was seen of one boot, CLOCK_MONOTONIC in ms. */
export interface BootRecord {
  /** Until it was ready. */
  readonly processor: readonly ProcessorTime[];
  /** The agent's units, BuildKit's and the cache's. */
  readonly units: readonly SeenUnit[];
  /** Each program that one of their control groups has executed, in order. */
  readonly programs: readonly SeenProgram[];
  /** Lines of the agent's own log, in order. */
  readonly events: readonly SeenEvent[];
}

export interface SeenUnit {
  readonly name: string;
  readonly startedMs: number;
  /** As systemd knows it: a notification, or an exec. Absent: it never was. */
  readonly activeMs?: number;
}

export interface SeenProgram {
  readonly unit: string;
  readonly words: readonly string[];
  readonly atMs: number;
  /** Absent: it runs still, or has become another program of the same process. */
  readonly endedMs?: number;
}

export interface SeenEvent {
  readonly unit: string;
  readonly event: string;
  readonly atMs: number;
  /** How long control's chapters took, of `agent.ready`. */
  readonly chapters?: readonly SeenChapter[];
}

/** Since control's process began. */
export interface SeenChapter {
  readonly name: string;
  readonly beganMs: number;
  readonly tookMs: number;
}
