import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../setup/child.mjs";
import { npm } from "../../setup/npm-packages.mjs";
import { inTree } from "../../setup/tree.mjs";
import { agentVersion } from "../agent-version.mjs";

const DEADLINE_MS = 10 * 60_000;
/** What packages ship for those who develop with them. */
const UNREAD = ["*.d.ts", "*.d.cts", "*.d.mts", "*.map", "*.md"];

/**
 * Compiles the agent and installs what it imports at run time. Package scripts do not run.
 * @param {string} folder Exists; gets agent/, node_modules/ and package.json.
 * @param {import("./architecture.mjs").Architecture} architecture
 */
export async function putAgent(folder, architecture) {
  await run({
    what: "tsc",
    command: process.execPath,
    args: [inTree("node_modules/typescript/bin/tsc"), "-p", "tools/image/deb/tsconfig.json", "--outDir", folder],
    cwd: inTree(),
    deadlineMs: DEADLINE_MS,
    advice: "mend what the compiler names: npm run check:types",
  });
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) copyFileSync(inTree(file), join(folder, file));
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
    cwd: folder,
    deadlineMs: DEADLINE_MS,
    advice: "check that the npm registry can be reached, then run the same command again",
  });
  await run({
    what: "find",
    command: "find",
    args: [
      "node_modules",
      "-type",
      "f",
      "(",
      ...UNREAD.flatMap((name) => ["-o", "-name", name]).slice(1),
      ")",
      "-delete",
    ],
    cwd: folder,
    deadlineMs: DEADLINE_MS,
  });
  for (const file of ["package-lock.json", ".npmrc", "node_modules/.package-lock.json", "node_modules/.bin"])
    rmSync(join(folder, file), { recursive: true, force: true });
  const about = { name: "builder-agent", version: agentVersion(), type: "module", license: "Apache-2.0" };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(about, null, 2)}\n`);
  mkdirSync(join(folder, "bin"), { recursive: true });
}
