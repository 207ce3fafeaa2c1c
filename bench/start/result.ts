import type { Boot } from "./boot/chapters.ts";
import type { Opened } from "./open/open-builds.ts";
import type { FormattedVolume } from "./volume/format-volumes.ts";

/** What was measured of it; JSON. */
export interface StartResult {
  readonly schemaVersion: 1;
  readonly startedAt: string;
  readonly seconds: number;
  readonly boots?: readonly Boot[];
  /** Of the Node that the booted machine runs: "24.21.0". */
  readonly machineNode?: string;
  readonly opened?: readonly Opened[];
  readonly volumes?: readonly FormattedVolume[];
}

export interface Bar {
  readonly text: string;
  readonly measured: number;
  readonly holds: boolean;
}
