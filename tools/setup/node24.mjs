import { copyFileSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache-folder.mjs";
import { run } from "./child.mjs";
import { findCommand } from "./commands.mjs";
import { npm } from "./npm-packages.mjs";
import { saying } from "./progress.mjs";
import { hashOf } from "./stamp.mjs";
import { inTree, readIfThere } from "./tree.mjs";

const DEADLINE_MS = 15 * 60_000;
const FILES = ["package.json", "package-lock.json", ".npmrc"];

/**
 * The Node that the image carries, in the version and with the integrity that tools/node24 pins.
 * @param {string} [cpu] Of the machine that it is to run on: "x64", "arm64".
 */
export function node24(cpu = process.arch) {
  const lockFile = readIfThere(inTree("tools/node24/package-lock.json"));
  const folder = join(cacheFolder(), `node24-${hashOf([lockFile, cpu])}`);
  const bin = join(folder, "node_modules", `node-linux-${cpu}`, "bin");
  /** The program; undefined before the step has been carried out. */
  const find = () => findCommand("node", [bin]);
  return {
    version: new RegExp(`"node-linux-${cpu}": "([\\d.]+)"`).exec(lockFile)?.[1] ?? "unknown",
    find,
    /** @type {import("./step.mjs").Step} */
    step: {
      lockFile: join(cacheFolder(), "node24.lock"),
      isDone: () => find() !== undefined,
      carryOut: () => install(folder, cpu),
    },
  };
}

/** @param {string} folder @param {string} cpu */
async function install(folder, cpu) {
  const draft = join(cacheFolder(), "node24-draft");
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  for (const file of FILES) copyFileSync(inTree("tools/node24", file), join(draft, file));
  const { command, args } = npm();
  await saying(`fetching Node 24 for linux-${cpu} (once)`, () =>
    run({
      what: "npm ci for Node 24",
      command,
      args: [...args, "--os=linux", `--cpu=${cpu}`],
      cwd: draft,
      deadlineMs: DEADLINE_MS,
      advice: "check that the npm registry can be reached, then run the same command again",
    }),
  );
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
}
