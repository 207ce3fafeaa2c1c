import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { inTree } from "../setup/tree.mjs";

const COLUMNS = 100;
const FOLDERS = ["agent", "bench", "proto", "sandbox", "test", "tools", "verifier"];
const COMMENT = /^\s*(?:\/\/|\/?\*)/;
/** What a tool reads has to be on one line. */
const DIRECTIVE = /(?:oxlint-disable|biome-ignore|@ts-)/;
/** Generated, or meant to be refused. */
const LEFT_OUT = /(?:^|\/)(?:dist|gen|node_modules|lint-fixture)\//;

/** The numbers of lines of comment that are too long to read well. @param {string} text */
export function longComments(text) {
  return text.split("\n").flatMap((line, index) => (isTooLong(line) ? [index + 1] : []));
}

/** Of the whole tree: "file:line". @returns {Promise<readonly string[]>} */
export async function allLongComments() {
  const perFolder = FOLDERS.map(async (folder) => {
    const names = await readdir(inTree(folder), { recursive: true, encoding: "utf8" });
    const files = names.map((name) => join(folder, name)).filter((file) => /\.(?:ts|mjs|go|proto)$/.test(file));
    return files.filter((file) => !LEFT_OUT.test(file));
  });
  const files = (await Promise.all(perFolder)).flat();
  const perFile = files.map(async (file) =>
    longComments(await readFile(inTree(file), "utf8")).map((line) => `${file}:${line}`),
  );
  return (await Promise.all(perFile)).flat();
}

/** @param {string} line */
function isTooLong(line) {
  return line.length > COLUMNS && COMMENT.test(line) && !DIRECTIVE.test(line) && line.trim().includes(" ");
}
