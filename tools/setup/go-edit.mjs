import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./child.mjs";
import { SetupFailed } from "./failure.mjs";
import { inTree, readIfThere } from "./tree.mjs";

const FETCH_DEADLINE_MS = 10 * 60_000;
const COPY_DEADLINE_MS = 60_000;

/** @type {(json: string) => { readonly Dir: string }} */
const parse = JSON.parse;

/**
 * One change to the source of a pinned module, for what it has no setting for.
 * @typedef {object} GoEdit
 * @property {string} file In the module.
 * @property {string} from Must be there exactly once.
 * @property {string} to
 */

/**
 * Makes a copy of `module` with that change, and a go.mod that builds with it instead. Whoever asked removes the copy.
 * @param {object} order
 * @param {string} order.what
 * @param {string} order.folder With go.mod and go.sum.
 * @param {string} order.module
 * @param {GoEdit} order.edit
 * @param {string} order.copy A folder to make.
 * @returns {Promise<readonly string[]>} Arguments for `go build`.
 */
export async function editedModule({ what, folder, module, edit, copy }) {
  rmSync(copy, { recursive: true, force: true });
  const told = await run({
    what: `fetching ${module}`,
    command: "go",
    args: ["mod", "download", "-json", module],
    cwd: folder,
    env: { GOWORK: "off" },
    deadlineMs: FETCH_DEADLINE_MS,
    advice: "check that the Go module proxy can be reached, then run the same command again",
  });
  const { Dir } = parse(told);
  // Go's own copy is read-only, and must stay as it is.
  const args = ["-r", "--no-preserve=mode", Dir, copy];
  await run({ what: `copying ${module}`, command: "cp", args, deadlineMs: COPY_DEADLINE_MS });
  const source = readFileSync(join(copy, edit.file), "utf8");
  if (source.split(edit.from).length !== 2) {
    throw new SetupFailed(`${what} is not possible: ${edit.file} has changed in ${module}`, {
      advice: `say anew in ${inTree("tools/setup/go-tools.mjs")} what is to be changed there`,
    });
  }
  writeFileSync(join(copy, edit.file), source.replace(edit.from, edit.to));
  const modFile = join(copy, "build.mod");
  writeFileSync(modFile, `${readIfThere(join(folder, "go.mod"))}\nreplace ${module} => ${copy}\n`);
  writeFileSync(join(copy, "build.sum"), readIfThere(join(folder, "go.sum")));
  return ["-modfile", modFile];
}
