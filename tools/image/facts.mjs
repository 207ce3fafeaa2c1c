import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { SetupFailed } from "../setup/failure.mjs";
import { writeWhole } from "../setup/stamp.mjs";
import { readIfThere } from "../setup/tree.mjs";
import { keepNewest } from "./keep-newest.mjs";

const PREFIX = "facts-";

/**
 * @typedef {object} Facts What is noted beside a file when it is made.
 * @property {string} sha256 In hex.
 * @property {readonly { name: string, version: string }[]} packages Debian's, where it has any.
 */

/** @param {string} file */
const noteOf = (file) => join(dirname(file), `${PREFIX}${basename(file)}.json`);

/**
 * Notes a file's checksum, and the packages in it, before it gets its name. @param {object} of
 * @param {string} of.file Its name.
 * @param {string} of.draft Where it still is.
 * @param {Facts["packages"]} [of.packages]
 */
export async function noteFacts({ file, draft, packages = [] }) {
  writeWhole(noteOf(file), `${JSON.stringify({ sha256: await sha256(draft), packages })}\n`);
  const [kind = ""] = basename(file).split("-");
  keepNewest(dirname(file), `${PREFIX}${kind}-`, 2);
}

/** @param {string} file @returns {Facts | undefined} Undefined where nothing is noted. */
export function factsOf(file) {
  const text = readIfThere(noteOf(file));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as noteFacts wrote it.
  return text === "" ? undefined : /** @type {Facts} */ (JSON.parse(text));
}

/**
 * @param {string} file @returns {Promise<string>} Its SHA-256, in hex. @throws {SetupFailed} if its
 * bytes are not those that it was made with.
 */
export async function checkedSum(file) {
  const [noted, found] = [factsOf(file)?.sha256, await sha256(file)];
  if (noted === found) return found;
  throw new SetupFailed(`${file} has the SHA-256 ${found}, but ${noted ?? "none"} was noted when it was made`, {
    advice: "npm run image -- clean removes it, and the next bake makes it anew",
  });
}

/** @param {string} file */
async function sha256(file) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
