/**
 * When a unit of ours is up:
 * - "serving": for as long as the machine serves.
 * - "cache": for as long as the cache is open.
 * - "asked": when control asks for it; a check of its own says how it fares.
 */
export const OWN_UNITS = {
  "builder-agent.target": "serving",
  "builder-agent.socket": "serving",
  "builder-agent-gateway.service": "serving",
  "builder-agent-control.service": "serving",
  "builder-agent-volume.socket": "serving",
  "builder-agent-network.socket": "serving",
  "builder-agent-network-watch.service": "serving",
  "builder-agent-terminal.socket": "serving",
  "builder-agent-buildkit-metrics.socket": "serving",
  "builder-agent-terminal-root.socket": "serving",
  "builder-agent-volume.service": "cache",
  "var-lib-builder\\x2dagent-cache.mount": "cache",
  "builder-agent-cache-watch.service": "cache",
  "buildkitd.service": "asked",
  "tailscaled.service": "asked",
} as const satisfies Readonly<Record<string, "serving" | "cache" | "asked">>;

export type OwnUnit = keyof typeof OWN_UNITS;

export const OWN_UNIT_NAMES: readonly OwnUnit[] = Object.keys(OWN_UNITS).filter(isOwnUnit);

function isOwnUnit(name: string): name is OwnUnit {
  return Object.hasOwn(OWN_UNITS, name);
}

/** A unit as the service manager has it; "" for what it does not tell. */
export interface UnitSeen {
  readonly name: OwnUnit;
  /** LoadState: "loaded", "not-found", "masked", "bad-setting". */
  readonly load: string;
  /** ActiveState: "active", "activating", "inactive", "failed". */
  readonly active: string;
  /** How its last run ended: "success", "exit-code". */
  readonly result: string;
  /** How often it was started again by itself, since somebody started it. */
  readonly restarts: number;
  /** UnitFileState: "enabled", "disabled", "static". */
  readonly file: string;
  /** Its files have changed, and the manager has not read them yet. */
  readonly isStale: boolean;
  /** Files that change it, beside its own. */
  readonly dropIns: readonly string[];
  /** By systemd's names: what `confinement.ts` asks for. */
  readonly settings: Readonly<Record<string, string>>;
}

export type UnitsView =
  | { readonly at: "unknown" }
  /** This machine has another service manager. */
  | { readonly at: "none" }
  | { readonly at: "unseen"; readonly because: string }
  | {
      readonly at: "seen";
      readonly units: readonly UnitSeen[];
      /** How often each was started again lately. */
      readonly lately: Readonly<Record<string, number>>;
    };

/** For how long a restart counts, and how many are a loop and not a bad moment. */
export const RESTARTS = { withinMs: 300_000, areALoop: 3 } as const;
