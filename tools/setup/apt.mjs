import { run } from "./child.mjs";
import { findSystemProgram } from "./commands.mjs";

const DEADLINE_MS = 15 * 60_000;

export const mayInstall = () => process.getuid?.() === 0 && findSystemProgram("apt-get") !== undefined;

/** @param {readonly string[]} args @param {string} [cwd] Where `download` puts what it fetches. */
export const aptGet = (args, cwd) =>
  run({
    what: `apt-get ${args[0]}`,
    command: "apt-get",
    args: ["-o", "DPkg::Lock::Timeout=300", ...args],
    ...(cwd && { cwd }),
    env: { DEBIAN_FRONTEND: "noninteractive" },
    deadlineMs: DEADLINE_MS,
    advice: "check that Debian's packages can be reached, then run the same command again",
  });
