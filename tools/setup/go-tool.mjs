import { readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache-folder.mjs";
import { run } from "./child.mjs";
import { findCommand } from "./commands.mjs";
import { buildGoTools, goVersion } from "./go-build.mjs";
import { saying } from "./progress.mjs";
import { hashOf } from "./stamp.mjs";
import { inTree, readIfThere } from "./tree.mjs";

const ASK_DEADLINE_MS = 30_000;

/**
 * Programs that the Go module `tools/<name>` pins as its tools, built once for all work trees of
 * this user.
 * @typedef {object} GoTool
 * @property {string} name
 * @property {string} module The module that has the programs.
 * @property {Readonly<Record<string, readonly string[]>>} commands Each with the arguments that
 * make it print its version.
 * @property {string} takes How long the first build takes, for a person who waits.
 * @property {readonly string[]} [stamps] The variables that hold the version where they are not
 * `<module>/version.Version`. They want it without "v".
 * @property {boolean} [isOurs] Its sources lie in that folder: it is never taken from PATH.
 * @property {"amd64" | "arm64"} [goarch] For an image: built by us for that machine, never taken
 * from PATH.
 */

/** @type {Readonly<Record<string, string>>} */
const NATIVE = { x64: "amd64", arm64: "arm64" };

/** @param {GoTool} tool */
export function goTool({ name, module, commands, takes, stamps, isOurs, goarch }) {
  const folder = inTree("tools", name);
  const goMod = readIfThere(join(folder, "go.mod"));
  const version = new RegExp(`^\\s*(?:require )?${module} (v\\S+)`, "m").exec(goMod)?.[1] ?? "unknown";
  const foreign = goarch && goarch !== NATIVE[process.arch] ? goarch : undefined;
  const wanted = `${Object.keys(commands).join(" and ")} ${version}${foreign ? ` for ${foreign}` : ""}`;
  /** @type {Readonly<Record<string, string>> | undefined} */
  let found;

  async function find() {
    found ??= (goarch || isOurs ? undefined : await onPath(commands, version)) ?? (await built());
    return found;
  }

  async function built() {
    const target = await targetFolder().catch(() => undefined);
    /** @type {Record<string, string>} */
    const paths = {};
    for (const command of Object.keys(commands)) {
      const path = target && findCommand(command, [join(target, "bin")]);
      if (!path) return undefined;
      paths[command] = path;
    }
    return paths;
  }

  /**
   * Named after all that decides what is built. @throws {import("./failure.mjs").SetupFailed} Where
   * Go is missing or too old.
   */
  async function targetFolder() {
    const sources = isOurs ? readdirSync(folder).filter((file) => file.endsWith(".go")) : [];
    const texts = ["go.sum", ...sources.toSorted()].map((file) => readIfThere(join(folder, file)));
    const made = [goMod, ...texts, await goVersion(folder, wanted)];
    const hash = hashOf(foreign ? [...made, foreign] : made);
    return join(cacheFolder(), `${name}-${hash}`);
  }

  return {
    name,
    version,
    find,
    /** @type {import("./step.mjs").Step} */
    step: {
      lockFile: join(cacheFolder(), `${name}.lock`),
      isDone: async () => (await find()) !== undefined,
      programs: async () => (await find()) ?? {},
      async carryOut() {
        const target = await targetFolder();
        const draft = join(cacheFolder(), `${name}-draft`);
        await saying(`building ${wanted} with Go (about ${takes}, once)`, () =>
          buildGoTools({
            what: `building ${wanted}`,
            folder,
            settings: stamps
              ? stamps.map((stamp) => `${stamp}=${version.slice(1)}`)
              : [`${module}/version.Version=${version}`],
            goarch: foreign,
            draft,
            target,
          }),
        );
      },
    },
  };
}

/**
 * A program of just this version that the machine has already is as good as ours.
 * @param {GoTool["commands"]} commands
 * @param {string} version
 */
async function onPath(commands, version) {
  /** @type {Record<string, string>} */
  const paths = {};
  for (const [name, args] of Object.entries(commands)) {
    const command = findCommand(name);
    if (!command) return undefined;
    const says = await run({ what: name, command, args, deadlineMs: ASK_DEADLINE_MS }).catch(() => "");
    if (!says.split(/\s+/).includes(version)) return undefined;
    // A link to it, in whatever folder of links PATH names, is the same program.
    paths[name] = realpathSync(command);
  }
  return paths;
}
