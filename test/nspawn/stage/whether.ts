import { existsSync, readFileSync } from "node:fs";
import { beforeEach } from "vitest";

/** Where `npm run test:nspawn` has put the root file system that these tests boot. */
export const ROOT_VARIABLE = "BUILDER_AGENT_NSPAWN_ROOT";

/** Why no machine can be booted here; undefined when one can. */
function whyNoMachine(): string | undefined {
  if (process.getuid?.() !== 0) return "a machine in systemd-nspawn needs root";
  if (!readFileSync("/proc/self/mountinfo", "utf8").includes(" - cgroup2 ")) return "no cgroup2 is mounted here";
  const root = process.env[ROOT_VARIABLE];
  return root !== undefined && existsSync(root) ? undefined : "npm run test:nspawn makes the machine for this";
}

/** Skips each test of the file, with the reason, where no machine can be booted. */
export function needsMachine(): void {
  beforeEach(({ skip }) => {
    const why = whyNoMachine();
    if (why !== undefined) skip(why);
  });
}

export function canBoot(): boolean {
  return whyNoMachine() === undefined;
}

/** @throws {Error} where `npm run test:nspawn` has not made one. */
export function machineRoot(): string {
  const root = process.env[ROOT_VARIABLE];
  if (root === undefined) throw new Error(`${ROOT_VARIABLE} is not set`);
  return root;
}
