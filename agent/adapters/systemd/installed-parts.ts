import { readFileSync } from "node:fs";
import type { InstalledPart, InstalledParts } from "../../ports/installed-parts.ts";
import { UNIT_NAMES } from "./unit-names.ts";
import { runOf } from "./unit-run.ts";

const UNITS: Readonly<Record<InstalledPart, string>> = {
  gateway: "builder-agent-gateway.service",
  buildkit: UNIT_NAMES.buildkitd,
};

/**
 * A digest for each part, a line each: the package brings `installed`; as the unit of a part
 * starts, it copies that to where `inForce` says, with which run of it this is (note-parts).
 */
export function installedParts(
  installed: string,
  inForce: Readonly<Record<InstalledPart, string>>,
  presentRun: (unit: string) => string = runOf,
): InstalledParts {
  return {
    isOutdated(part) {
      const wanted = valueIn(installed, part);
      const file = inForce[part];
      // A release that notes nothing leaves what an earlier run has noted.
      const isOfThisRun = valueIn(file, "run") === presentRun(UNITS[part]);
      return wanted !== undefined && !(isOfThisRun && valueIn(file, part) === wanted);
    },
  };
}

function valueIn(file: string, name: string): string | undefined {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    return lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  } catch {
    return undefined;
  }
}
