import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../setup/cache-folder.mjs";
import { run } from "../setup/child.mjs";
import { saying } from "../setup/progress.mjs";
import { runSteps } from "../setup/step.mjs";
import { inTree, readIfThere } from "../setup/tree.mjs";

/**
 * The release before this one: the last commit before gateways were replaced within their unit. It
 * moves with each release.
 */
const EARLIER = "747e2c6b102f45fb7fefcd45cd8d4ef6fb9a8606";

const GIT_DEADLINE_MS = 60_000;
const MAKE_DEADLINE_MS = 15 * 60_000;

/**
 * The package of the release before this one, for tests of an upgrade and of the way back: made
 * once, from its sources as they are in the history, by its own tools.
 * @returns {Promise<string | undefined>} Its file; undefined where the history of this clone does
 *   not reach back so far.
 */
export async function earlierPackage() {
  const file = join(cacheFolder(), "image", `earlier-${EARLIER}.deb`);
  if (!existsSync(file) && !(await isInHistory())) return undefined;
  await runSteps([
    {
      lockFile: join(cacheFolder(), "image", "earlier.lock"),
      isDone: () => existsSync(file),
      carryOut: () => saying(`making the package of the release before, ${EARLIER.slice(0, 8)}`, () => make(file)),
    },
  ]);
  return file;
}

const isInHistory = () =>
  git(["cat-file", "-e", `${EARLIER}^{commit}`]).then(
    () => true,
    () => false,
  );

/** @param {string} file */
async function make(file) {
  mkdirSync(inTree("dist"), { recursive: true });
  const draft = mkdtempSync(inTree("dist/earlier-"));
  try {
    const [tree, sources] = [join(draft, "tree"), join(draft, "sources.tar")];
    mkdirSync(tree);
    await git(["archive", `--output=${sources}`, EARLIER]);
    await run({
      what: "tar",
      command: "tar",
      args: ["--extract", `--file=${sources}`, `--directory=${tree}`],
      deadlineMs: GIT_DEADLINE_MS,
    });
    // Of other modules its own set-up installs its own.
    const isSame = readIfThere(inTree("package-lock.json")) === readIfThere(join(tree, "package-lock.json"));
    if (isSame) symlinkSync(inTree("node_modules"), join(tree, "node_modules"));
    const epoch = (await git(["log", "-1", "--format=%ct", EARLIER])).trim();
    await run({
      what: `npm run image -- deb, at ${EARLIER}`,
      command: process.execPath,
      args: [join(tree, "tools/image.mjs"), "deb"],
      cwd: tree,
      env: { SOURCE_DATE_EPOCH: epoch },
      deadlineMs: MAKE_DEADLINE_MS,
    });
    const [made] = readdirSync(join(tree, "dist/image")).filter((name) => name.endsWith(".deb"));
    copyFileSync(join(tree, "dist/image", made ?? ""), `${file}.draft`);
    renameSync(`${file}.draft`, file);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** @param {readonly string[]} args */
const git = (args) =>
  run({ what: `git ${args[0]}`, command: "git", args: [...args], cwd: inTree(), deadlineMs: GIT_DEADLINE_MS });
