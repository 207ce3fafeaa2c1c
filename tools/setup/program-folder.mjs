import { existsSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { basePrograms, machinePrograms } from "./base-programs.mjs";
import { cacheFolder } from "./cache-folder.mjs";
import { findCommand, findSystemProgram } from "./commands.mjs";
import { EX_UNAVAILABLE, SetupFailed } from "./failure.mjs";
import { whyMissing } from "./missing-program.mjs";
import { hashOf } from "./stamp.mjs";

/**
 * A folder of links that is a whole PATH: the base system's programs, git, Go and Node, and what
 * the given steps bring. A program that nobody declares is missing there on every machine. It is
 * named after its links, so it never changes once it is there.
 * @param {readonly import("./step.mjs").Step[]} steps All of them done.
 * @param {string} [node] Another Node than this one.
 * @returns {Promise<string>}
 * @throws {SetupFailed} Where the machine lacks one of these programs.
 */
export async function programFolder(steps, node = process.execPath) {
  const brought = await Promise.all(steps.map(async ({ programs }) => Object.entries((await programs?.()) ?? {})));
  const links = { ...ofTheBase(), ...ofTheMachine(), node, ...Object.fromEntries(brought.flat()) };
  for (const [name, path] of Object.entries(links)) if (path === "") throw new SetupFailed(whyMissing(name));
  const lines = Object.entries(links).map(([name, path]) => `${name} ${path}`);
  const folder = join(cacheFolder(), `programs-${hashOf(lines.toSorted())}`);
  if (!existsSync(folder)) make(folder, links);
  return folder;
}

/**
 * Refuses a machine that lacks what is used without being installed. @type
 * {import("./step.mjs").Step}
 */
export const baseSystem = {
  isDone: () => Object.keys({ ...ofTheBase(), ...ofTheMachine() }).length > 0,
  async carryOut() {},
};

function ofTheBase() {
  return Object.fromEntries(
    Object.entries(basePrograms).flatMap(([name, programs]) =>
      programs.map((program) => [program, findSystemProgram(program) ?? missing(program, `Debian's package ${name}`)]),
    ),
  );
}

/** Itself, not a link to it: whoever asks from within such a folder gets the same one. */
function ofTheMachine() {
  return Object.fromEntries(
    machinePrograms.map((name) => [name, realpathSync(findCommand(name) ?? missing(name, "a package of it"))]),
  );
}

/** @param {string} program @param {string} from @returns {never} */
function missing(program, from) {
  throw new SetupFailed(`missing on this machine: ${program}, which tools/setup/base-programs.mjs says that it has`, {
    advice: `install it from ${from}, and put it on PATH`,
    exitCode: EX_UNAVAILABLE,
  });
}

/**
 * Others may make the same one at the same time: the first is kept. @param {string} folder @param
 * {import("./step.mjs").Programs} links
 */
function make(folder, links) {
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  for (const [name, path] of Object.entries(links)) symlinkSync(path, join(draft, name));
  try {
    renameSync(draft, folder);
  } catch (failure) {
    if (!existsSync(folder)) throw failure;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
