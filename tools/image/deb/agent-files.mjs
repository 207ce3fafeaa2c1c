import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../setup/child.mjs";
import { npm } from "../../setup/npm-packages.mjs";
import { inTree } from "../../setup/tree.mjs";
import { agentVersion } from "../agent-version.mjs";
import { bundleAgent } from "./bundle-agent.mjs";

const DEADLINE_MS = 10 * 60_000;
const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i;

/**
 * The agent as it is run: compiled, bundled, with its licences. Package scripts do not run.
 * @param {string} folder Exists; gets agent/ and package.json.
 * @param {string} draft Exists; for what is needed in between.
 * @param {import("./architecture.mjs").Architecture} architecture
 */
export async function putAgent(folder, draft, architecture) {
  await compile(draft);
  await installPackages(draft, architecture);
  await bundleAgent(join(draft, "agent/cli/main.js"), join(folder, "agent/cli"));
  putTerminalMaker(folder, draft, architecture);
  const about = { name: "builder-agent", version: agentVersion(), type: "module", license: "Apache-2.0" };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(about, null, 2)}\n`);
  mkdirSync(join(folder, "bin"), { recursive: true });
}

/**
 * node-pty as it is, less the other systems' binaries: a package of 26 MB becomes one of 0.2.
 * @param {string} folder @param {string} draft
 * @param {import("./architecture.mjs").Architecture} architecture
 */
function putTerminalMaker(folder, draft, architecture) {
  const [from, to] = ["node_modules/node-pty", "agent/node_modules/node-pty"];
  const native = `prebuilds/linux-${architecture.node}`;
  for (const part of ["lib", "package.json", "LICENSE", native])
    cpSync(join(draft, from, part), join(folder, to, part), { recursive: true });
}

/**
 * What the packages in the bundle ask their users to pass on. @param {string} draft Where
 * `putAgent` installed them.
 */
export function licencesOf(draft) {
  const files = readdirSync(join(draft, "node_modules"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return files
    .toSorted()
    .map(
      (file) => `${dirname(file).slice(join(draft, "node_modules/").length)}\n\n${readFileSync(file, "utf8").trim()}\n`,
    )
    .join(`\n${"-".repeat(80)}\n\n`);
}

/** @param {string} draft */
const compile = (draft) =>
  run({
    what: "tsc",
    command: process.execPath,
    args: [inTree("node_modules/typescript/bin/tsc"), "-p", "tools/image/deb/tsconfig.json", "--outDir", draft],
    cwd: inTree(),
    deadlineMs: DEADLINE_MS,
    advice: "mend what the compiler names: npm run check:types",
  });

/** @param {string} draft @param {import("./architecture.mjs").Architecture} architecture */
async function installPackages(draft, architecture) {
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) copyFileSync(inTree(file), join(draft, file));
  const { command, args } = npm();
  await run({
    what: "npm ci",
    command,
    args: [
      ...args.filter((argument) => argument !== "--include=dev"),
      "--omit=dev",
      "--os=linux",
      `--cpu=${architecture.node}`,
    ],
    cwd: draft,
    deadlineMs: DEADLINE_MS,
    advice: "check that the npm registry can be reached, then run the same command again",
  });
}
