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

const folder = () =>
  join(cacheFolder(), `node24-${hashOf([readIfThere(inTree("tools/node24/package-lock.json")), process.arch])}`);

/** The program; undefined before the step has been carried out. */
export const node24 = () => findCommand("node", [join(folder(), "node_modules", `node-linux-${process.arch}`, "bin")]);

/** @type {import("./step.mjs").Step} */
export const node24Step = {
  lockFile: join(cacheFolder(), "node24.lock"),
  isDone: async () => node24() !== undefined,
  async carryOut() {
    const draft = join(cacheFolder(), "node24-draft");
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    for (const file of FILES) copyFileSync(inTree("tools/node24", file), join(draft, file));
    await saying("installing Node 24 beside this one, for the tests (once)", () =>
      run({
        what: "npm ci for Node 24",
        ...npm(),
        cwd: draft,
        deadlineMs: DEADLINE_MS,
        advice: "check that the npm registry can be reached, then run the same command again",
      }),
    );
    rmSync(folder(), { recursive: true, force: true });
    renameSync(draft, folder());
  },
};
