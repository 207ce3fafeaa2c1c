import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { CONFINING_SETTINGS } from "../../core/units/confinement.ts";
import { OWN_UNITS, type OwnUnit, type UnitSeen } from "../../core/units/own-units.ts";
import type { OwnUnits } from "../../ports/own-units.ts";
import { showUnits } from "./systemctl.ts";

export const OWN_UNIT_NAMES = Object.keys(OWN_UNITS) as readonly OwnUnit[];

/**
 * Where systemd keeps the id of each unit's present run: a link for each that is up. It is gone
 * with the run.
 */
const RUNS_DIR = "/run/systemd/units";
/** Where people and programs change units; the package's own files do not change by themselves. */
const CHANGED_IN = [
  "/etc/systemd/system",
  "/etc/systemd/system.control",
  "/run/systemd/system",
  "/run/systemd/system.control",
];

const ASKED = [
  ...["LoadState", "ActiveState", "Result", "NRestarts", "UnitFileState", "NeedDaemonReload", "DropInPaths"],
  ...CONFINING_SETTINGS,
];

export function ownUnits(): OwnUnits {
  return { mark: markOfAll, look: lookAtUnits };
}

/** As systemd has them, in the order of their names here. */
export async function lookAtUnits(signal: AbortSignal): Promise<readonly UnitSeen[]> {
  const shown = await showUnits(OWN_UNIT_NAMES, ASKED, signal);
  return OWN_UNIT_NAMES.map((name, at) => unitSeen(name, shown[at] ?? {}));
}

export function unitSeen(name: OwnUnit, shown: Readonly<Record<string, string>>): UnitSeen {
  const told = (property: string): string => shown[property] ?? "";
  return {
    name,
    load: told("LoadState"),
    active: told("ActiveState"),
    result: told("Result"),
    restarts: Number(told("NRestarts")) || 0,
    file: told("UnitFileState"),
    isStale: told("NeedDaemonReload") === "yes",
    dropIns: told("DropInPaths").split(" ").filter(Boolean),
    settings: Object.fromEntries(CONFINING_SETTINGS.map((setting) => [setting, told(setting)])),
  };
}

function markOfAll(): string {
  const runs = OWN_UNIT_NAMES.map((name) => runOf(name));
  const files = CHANGED_IN.flatMap((directory) =>
    [directory, ...OWN_UNIT_NAMES.flatMap((name) => [join(directory, name), join(directory, `${name}.d`)])].map(
      stampOf,
    ),
  );
  return [...runs, ...files].join("\n");
}

function runOf(name: string): string {
  try {
    return readlinkSync(join(RUNS_DIR, `invocation:${name}`));
  } catch {
    return "";
  }
}

function stampOf(path: string): string {
  const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? "" : `${stats.ino} ${stats.mtimeNs}`;
}
