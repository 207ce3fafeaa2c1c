import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { run } from "./child.mjs";
import { saying } from "./progress.mjs";
import { hashOf, isStamped, writeWhole } from "./stamp.mjs";
import { inTree, readIfThere } from "./tree.mjs";

const DEADLINE_MS = 5 * 60_000;
const SOURCES = ["agent", "sandbox", "bench", "verifier/src"];
const CONFIGURATION = ["tsconfig.json", "tsconfig.build.json", "package-lock.json"];
const stampFile = inTree("dist/.compiled");

/** @type {import("./step.mjs").Step} */
export const compile = {
  isDone: () => isStamped(stampFile, fingerprint()),
  async carryOut() {
    const before = fingerprint();
    removeOrphans();
    await saying("compiling TypeScript", () =>
      run({
        what: "tsc",
        command: process.execPath,
        args: [inTree("node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"],
        cwd: inTree(),
        deadlineMs: DEADLINE_MS,
        advice: "mend what the compiler names: npm run check:types",
      }),
    );
    writeWhole(stampFile, before);
  },
};

/** By size and time, not content: some hundred files in a few milliseconds. */
function fingerprint() {
  const sources = filesUnder(SOURCES, ".ts").map((file) => {
    const { mtimeMs, size } = statSync(inTree(file));
    return `${file} ${size} ${mtimeMs}`;
  });
  return hashOf([...CONFIGURATION.map((file) => readIfThere(inTree(file))), ...sources]);
}

/** What was compiled from a file that is gone must not be imported any more. */
function removeOrphans() {
  for (const file of filesUnder(
    SOURCES.map((folder) => `dist/${folder}`),
    ".js",
  )) {
    const source = file.slice("dist/".length, -".js".length);
    if (!existsSync(inTree(`${source}.ts`)))
      for (const suffix of ["js", "js.map"]) rmSync(inTree(`dist/${source}.${suffix}`), { force: true });
  }
}

/** @param {readonly string[]} folders @param {string} suffix */
function filesUnder(folders, suffix) {
  return folders
    .filter((folder) => existsSync(inTree(folder)))
    .flatMap((folder) =>
      readdirSync(inTree(folder), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`),
    )
    .filter((file) => file.endsWith(suffix))
    .toSorted();
}
