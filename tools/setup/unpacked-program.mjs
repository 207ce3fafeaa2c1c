import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { aptGet, mayInstall } from "./apt.mjs";
import { cacheFolder } from "./cache-folder.mjs";
import { run } from "./child.mjs";
import { findCommand, findSystemProgram } from "./commands.mjs";
import { EX_UNAVAILABLE, SetupFailed } from "./failure.mjs";
import { saying } from "./progress.mjs";

const UNPACK_DEADLINE_MS = 60_000;

/**
 * One program out of a Debian package that would also bring a service: fetched by apt and unpacked
 * beside our own tools, so nothing is installed, and nothing starts now or at the next boot.
 * @param {{ name: string, program: string }} of `name` of the package; the program's file is
 *   /usr/bin/<program>.
 */
export function unpackedProgram({ name, program }) {
  const folder = join(cacheFolder(), `debian-${name}`);
  const find = () => findCommand(program, [folder]) ?? findSystemProgram(program);
  return {
    name,
    program,
    /** @type {import("./step.mjs").Step} */
    step: {
      lockFile: join(cacheFolder(), `debian-${name}.lock`),
      isDone: () => find() !== undefined,
      programs: () => ({ [program]: find() ?? "" }),
      carryOut: () =>
        saying(`fetching Debian's ${name} for ${program}`, async () => {
          if (!findSystemProgram("apt-get"))
            throw new SetupFailed(`missing on this machine: ${program}`, {
              advice: `install ${program}, which Debian's package ${name} has, and put it on PATH`,
              exitCode: EX_UNAVAILABLE,
            });
          if (mayInstall()) await aptGet(["update"]);
          await unpack(name, program, folder);
        }),
    },
  };
}

/**
 * @param {string} name @param {string} program @param {string} folder Is there whole or not at all.
 */
async function unpack(name, program, folder) {
  const draft = `${folder}.draft`;
  const content = join(draft, "content");
  const made = join(draft, "made", program);
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(dirname(made), { recursive: true });
  await aptGet(["download", name], draft);
  const file = readdirSync(draft).find((entry) => entry.endsWith(".deb")) ?? "";
  await run({
    what: "dpkg-deb",
    command: "dpkg-deb",
    args: ["--extract", join(draft, file), content],
    deadlineMs: UNPACK_DEADLINE_MS,
    advice: "free some 100 MB of disk, then run the same command again",
  });
  copyFileSync(join(content, "usr/bin", program), made);
  rmSync(folder, { recursive: true, force: true });
  renameSync(dirname(made), folder);
  rmSync(draft, { recursive: true, force: true });
}
