import { looserThanMade } from "./confinement.ts";
import { OWN_UNITS, RESTARTS, type UnitSeen } from "./own-units.ts";

export interface UnitTrouble {
  /** "builder-agent-gateway.service failed (exit-code)" */
  readonly what: string;
  /** What to type next. */
  readonly next: string;
  /** It does not run, or cannot: not only made otherwise than it should be. */
  readonly isDown: boolean;
}

/** Whether what needs the cache should be up, and how often a unit was started again lately. */
export interface UnitSituation {
  readonly isCacheOpen: boolean;
  readonly restartedLately: number;
}

/** What is amiss with a unit, the gravest first. What is only between two states is not. */
export function unitTroubles(unit: UnitSeen, situation: UnitSituation): readonly UnitTrouble[] {
  const { name } = unit;
  const look = `systemctl status ${name}; journalctl --unit=${name} --boot --lines=50`;
  if (unit.load === "masked")
    return [{ what: `${name} is masked: it cannot be started`, next: `systemctl unmask ${name}`, isDown: true }];
  if (unit.load !== "loaded")
    return [
      {
        what: `${name} is not installed (${unit.load || "unknown"})`,
        next: "install the package builder-agent, then systemctl daemon-reload",
        isDown: true,
      },
    ];
  return [
    ...downTroubles(unit, situation, look),
    ...loopTroubles(unit, situation, look),
    ...fileTroubles(unit),
    ...confinementTroubles(unit),
  ];
}

function downTroubles({ name, active, result }: UnitSeen, { isCacheOpen }: UnitSituation, next: string): UnitTrouble[] {
  const when = OWN_UNITS[name];
  if (when === "asked" || (when === "cache" && !isCacheOpen)) return [];
  if (active === "failed") return [{ what: `${name} failed (${result})`, next, isDown: true }];
  if (active !== "inactive") return [];
  return [{ what: `${name} is not up`, next: `systemctl start ${name}`, isDown: true }];
}

function loopTroubles({ name }: UnitSeen, { restartedLately }: UnitSituation, next: string): UnitTrouble[] {
  if (restartedLately < RESTARTS.areALoop) return [];
  const what = `${name} was started again ${restartedLately} times within ${RESTARTS.withinMs / 60_000} min`;
  return [{ what, next, isDown: true }];
}

function fileTroubles({ name, file, isStale }: UnitSeen): UnitTrouble[] {
  return [
    ...(isStale
      ? [{ what: `${name} has changed on disk, which is not in force`, next: "systemctl daemon-reload", isDown: false }]
      : []),
    ...(file === "disabled"
      ? [
          {
            what: `${name} is disabled: it does not come back with the next boot`,
            next: `systemctl enable ${name}`,
            isDown: false,
          },
        ]
      : []),
  ];
}

function confinementTroubles({ name, settings, dropIns }: UnitSeen): UnitTrouble[] {
  const looser = looserThanMade(name, settings);
  if (looser.length === 0) return [];
  const by = dropIns.length === 0 ? "" : ` (by ${dropIns.join(", ")})`;
  return [
    {
      what: `${name} is confined less than it is made to be: ${looser.join("; ")}${by}`,
      next: `systemctl cat ${name} shows each file of it; systemctl revert ${name} takes back what is not the package's`,
      isDown: false,
    },
  ];
}
