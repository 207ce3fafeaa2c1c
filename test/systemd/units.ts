import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inTree } from "../../sandbox/stack/tree.ts";

export const UNITS_DIR = inTree("systemd/system");

export const UNIT_FILES: readonly string[] = readdirSync(UNITS_DIR).toSorted();

/**
 * A setting of a unit as it stands in its file; a setting that is there several times has several
 * values.
 */
export function valuesOf(unit: string, setting: string): readonly string[] {
  const lines = readFileSync(join(UNITS_DIR, unit), "utf8").split("\n");
  return lines.filter((line) => line.startsWith(`${setting}=`)).map((line) => line.slice(setting.length + 1));
}

/** Its programs with their arguments: every Exec…= of it, less systemd's prefixes. */
export function commandsOf(unit: string): readonly (readonly string[])[] {
  const settings = ["ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"];
  return settings
    .flatMap((setting) => valuesOf(unit, setting))
    .map((command) => command.replace(/^[-+!:@]+/, "").split(" "));
}
