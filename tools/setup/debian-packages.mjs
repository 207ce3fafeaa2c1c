import { existsSync, rmSync, writeFileSync } from "node:fs";
import { run } from "./child.mjs";
import { findCommand } from "./commands.mjs";
import { debianTable } from "./debian-table.mjs";
import { EX_UNAVAILABLE, SetupFailed } from "./failure.mjs";
import { saying } from "./progress.mjs";

const DEADLINE_MS = 15 * 60_000;
const POLICY = "/usr/sbin/policy-rc.d";

/** @param {readonly string[]} packages Keys of the table. @returns {import("./step.mjs").Step} */
export function debianPackages(packages) {
  const missing = () => packages.filter((name) => !debianTable[name]?.find());
  return {
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
        throw new SetupFailed(`apt-get succeeded, but these are still not found: ${still.join(" ")}`);
    },
  };
}

/** @param {readonly string[]} names */
function refuseWhereWeMayNot(names) {
  const isRoot = process.getuid?.() === 0;
  if (isRoot && findCommand("apt-get")) return;
  throw new SetupFailed(`missing on this machine: ${names.join(" ")}`, {
    advice: `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names.join(" ")}`,
    exitCode: EX_UNAVAILABLE,
  });
}

/** @param {readonly string[]} args */
const aptGet = (args) =>
  run({
    what: `apt-get ${args[0]}`,
    command: "apt-get",
    args: ["-o", "DPkg::Lock::Timeout=300", ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    deadlineMs: DEADLINE_MS,
    advice: "check that Debian's packages can be reached, then run the same command again",
  });

/** Debian starts a service as soon as it is installed; we want the programs only. @param {() => Promise<unknown>} work */
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
