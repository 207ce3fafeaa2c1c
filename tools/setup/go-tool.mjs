import { accessSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { run } from "./child.mjs";
import { findCommand } from "./commands.mjs";
import { EX_UNAVAILABLE, SetupFailed } from "./failure.mjs";
import { saying } from "./progress.mjs";
import { hashOf } from "./stamp.mjs";
import { inTree, readIfThere } from "./tree.mjs";

const BUILD_DEADLINE_MS = 30 * 60_000;
const ASK_DEADLINE_MS = 30_000;

const cacheFolder = () => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "builder-agent", "tools");

/**
 * Programs that the Go module `tools/<name>` pins as its tools, built once for all work trees of this user.
 * @typedef {object} GoTool
 * @property {string} name
 * @property {string} module The module that has the programs.
 * @property {Readonly<Record<string, readonly string[]>>} commands Each with the arguments that make it print its version.
 * @property {string} takes How long the first build takes, for a person who waits.
 */

/** @param {GoTool} tool */
export function goTool(tool) {
  const folder = inTree("tools", tool.name);
  const goMod = readIfThere(join(folder, "go.mod"));
  const version = new RegExp(`^\\s*(?:require )?${tool.module} (v\\S+)`, "m").exec(goMod)?.[1] ?? "unknown";
  const names = Object.keys(tool.commands);
  /** @type {Readonly<Record<string, string>> | undefined} */
  let found;

  async function find() {
    found ??= (await onPath(tool, version)) ?? built(names, await binFolder().catch(() => ""));
    return found;
  }

  async function binFolder() {
    const go = await goVersion(folder, `${names.join(" and ")} ${version}`);
    const hash = hashOf([goMod, readIfThere(join(folder, "go.sum")), go]);
    return join(cacheFolder(), `${tool.name}-${hash}`, "bin");
  }

  async function build() {
    const bin = await binFolder();
    mkdirSync(cacheFolder(), { recursive: true });
    const draft = mkdtempSync(join(cacheFolder(), `${tool.name}-draft-`));
    try {
      await run({
        what: `go build of ${tool.name} ${version}`,
        command: "go",
        args: [
          "build",
          "-trimpath",
          "-ldflags",
          `-s -w -X ${tool.module}/version.Version=${version}`,
          "-o",
          join(draft, "bin/"),
          "tool",
        ],
        cwd: folder,
        env: { CGO_ENABLED: "0", GOWORK: "off" },
        deadlineMs: BUILD_DEADLINE_MS,
        advice:
          "check that the Go module proxy can be reached and that the disk has 3 GB free, then run the same command again",
      });
      renameSync(draft, join(bin, ".."));
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }

  return {
    find,
    /** @type {import("./step.mjs").Step} */
    step: {
      lockFile: join(cacheFolder(), `${tool.name}.lock`),
      isDone: async () => (await find()) !== undefined,
      carryOut: () => saying(`building ${names.join(" and ")} ${version} with Go (about ${tool.takes}, once)`, build),
    },
  };
}

/** @param {GoTool} tool @param {string} version */
async function onPath({ commands }, version) {
  const paths = Object.fromEntries(Object.keys(commands).map((name) => [name, findCommand(name)]));
  for (const [name, args] of Object.entries(commands)) {
    const command = paths[name];
    if (!command) return undefined;
    const says = await run({ what: name, command, args, deadlineMs: ASK_DEADLINE_MS }).catch(() => "");
    if (!says.split(/\s+/).includes(version)) return undefined;
  }
  return /** @type {Record<string, string>} */ (paths);
}

/** @param {readonly string[]} names @param {string} bin */
function built(names, bin) {
  const paths = Object.fromEntries(names.map((name) => [name, join(bin, name)]));
  try {
    for (const path of Object.values(paths)) accessSync(path);
    return paths;
  } catch {
    return undefined;
  }
}

/** @param {string} folder Go chooses its toolchain by the go.mod there. @param {string} wanted */
async function goVersion(folder, wanted) {
  const least = /^go (\S+)/m.exec(readIfThere(join(folder, "go.mod")))?.[1];
  const advice = `install Go ${least} or newer, or put ${wanted} on PATH`;
  if (!findCommand("go"))
    throw new SetupFailed(`Go is not installed, and is needed to build ${wanted}`, {
      advice,
      exitCode: EX_UNAVAILABLE,
    });
  const version = await run({
    what: "go env",
    command: "go",
    args: ["env", "GOVERSION"],
    cwd: folder,
    deadlineMs: BUILD_DEADLINE_MS,
    advice,
  });
  return version.trim();
}
