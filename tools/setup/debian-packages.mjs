import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptGet, mayInstall } from "./apt.mjs";
import { cacheFolder } from "./cache-folder.mjs";
import { findSystemProgram } from "./commands.mjs";
import { debianTable, findTool } from "./debian-table.mjs";
import { EX_UNAVAILABLE, SetupFailed } from "./failure.mjs";
import { saying } from "./progress.mjs";

const POLICY = "/usr/sbin/policy-rc.d";

/** @param {readonly string[]} packages Keys of the table. @returns {import("./step.mjs").Step} */
export function debianPackages(packages) {
  const missing = () => packages.filter((name) => !isWhole(name));
  return {
    // One at a time on this machine, not in this work tree only: each makes Debian's policy against
    // starting services, and removes it.
    lockFile: join(cacheFolder(), "debian.lock"),
    programs: () => Object.fromEntries(packages.flatMap(programsOf)),
    isDone: () => missing().length === 0,
    async carryOut() {
      const names = missing();
      refuseWhereWeMayNot(names);
      await saying(`installing Debian packages: ${names.join(" ")}`, async () => {
        await aptGet(["update"]);
        await withoutStartingServices(() => aptGet(["install", "-y", "--no-install-recommends", ...names]));
      });
      const still = missing();
      if (still.length > 0)
        throw new SetupFailed(`apt-get succeeded, but what these bring is still not all found: ${still.join(" ")}`, {
          advice: "compare the packages' files (dpkg -L) with what tools/setup/debian-table.mjs says that they bring",
        });
    },
  };
}

/** @param {string} name Of a package. */
function isWhole(name) {
  const row = debianTable[name];
  return row !== undefined && findTool(row) !== undefined && (row.programs ?? []).every(findSystemProgram);
}

/** @param {string} name Of a package. */
const programsOf = (name) =>
  (debianTable[name]?.programs ?? []).map(
    (program) => /** @type {const} */ ([program, findSystemProgram(program) ?? ""]),
  );

/** @param {readonly string[]} names */
function refuseWhereWeMayNot(names) {
  if (mayInstall()) return;
  throw new SetupFailed(`missing on this machine: ${names.join(" ")}`, {
    advice: `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names.join(" ")}`,
    exitCode: EX_UNAVAILABLE,
  });
}

/**
 * Debian starts a service as soon as it is installed; we want the programs only. @param {() =>
 * Promise<unknown>} work
 */
async function withoutStartingServices(work) {
  if (existsSync(POLICY)) {
    await work();
    return;
  }
  writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await work();
  } finally {
    rmSync(POLICY, { force: true });
  }
}
