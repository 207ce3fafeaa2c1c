import type { BuildkitSettings } from "../../core/desired-state.ts";
import type { BuildkitCache, BuildkitProbe, BuildkitUnit, Preparation } from "../../ports/buildkit.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InstalledParts } from "../../ports/installed-parts.ts";
import type { Log } from "../../ports/log.ts";
import type { Meters } from "../../ports/meters.ts";
import type { Board } from "../board/board.ts";

export interface BuildkitPorts {
  readonly unit: BuildkitUnit;
  readonly probe: BuildkitProbe;
  readonly buildkitCache: Pick<BuildkitCache, "forgetTransfers">;
  /** How the last start was prepared; undefined if that is not known. */
  readonly preparation: () => Promise<Preparation | undefined>;
  /** Settings and the real size of the cache's disk → the daemon's configuration. */
  readonly configuration: (settings: BuildkitSettings, diskBytes: number) => string;
  readonly installed: InstalledParts;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
}

export type BuildkitCells = Pick<Board, "desired" | "resources" | "gateway" | "phase" | "network" | "buildkit">;
