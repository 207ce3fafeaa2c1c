import { existsSync, readFileSync } from "node:fs";
import { beforeEach } from "vitest";
import { ROOT_VARIABLE } from "./machine-root.ts";

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
