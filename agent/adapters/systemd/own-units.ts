import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CONFINING_SETTINGS } from "../../core/units/confinement.ts";
import { OWN_UNIT_NAMES, type OwnUnit, type UnitSeen } from "../../core/units/own-units.ts";
import type { OwnUnits } from "../../ports/own-units.ts";
import { showUnits } from "./systemctl.ts";
import { runOf } from "./unit-run.ts";

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
  return OWN_UNIT_NAMES.map((name, at) => {
    const unit = unitSeen(name, shown[at] ?? {});
    return { ...unit, isStale: unit.isStale || CHANGED_IN.some((directory) => hasUnread(directory, unit)) };
  });
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
    dropIns: unquoted(told("DropInPaths")).split(" ").filter(Boolean),
    settings: Object.fromEntries(CONFINING_SETTINGS.map((setting) => [setting, told(setting)])),
  };
}

/** `systemctl show` writes a backslash, which our mount's name has, as a shell wants it. */
function unquoted(paths: string): string {
  return paths.replace(/["']/g, "").replace(/\\+/g, "\\");
}

/**
 * The manager itself notices changed files, but no folder that is newer than its last look.
 */
function hasUnread(directory: string, { name, dropIns }: UnitSeen): boolean {
  const folder = join(directory, `${name}.d`);
  return filesIn(folder).some((file) => file.endsWith(".conf") && !dropIns.includes(join(folder, file)));
}

/** Without links: one to /dev/null takes a file of the package out of force. */
function filesIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Whatever makes the manager read its files again makes and removes folders in here. */
const READ_IN = "/run/systemd";

function markOfAll(): string {
  const runs = OWN_UNIT_NAMES.map((name) => runOf(name));
  const files = CHANGED_IN.flatMap((directory) =>
    [directory, ...OWN_UNIT_NAMES.flatMap((name) => [join(directory, name), join(directory, `${name}.d`)])].map(
      stampOf,
    ),
  );
  return [...runs, ...files, stampOf(READ_IN)].join("\n");
}

function stampOf(path: string): string {
  const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? "" : `${stats.ino} ${stats.mtimeNs}`;
}
