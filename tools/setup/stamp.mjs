import { createHash } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { readIfThere } from "./tree.mjs";

/** @param {readonly string[]} parts What a result was made from. */
export function hashOf(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 16);
}

/**
 * Replaces the file in one go: a reader sees the old one or the new one. @param {string} file
 * @param {string} content
 */
export function writeWhole(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content);
  renameSync(draft, file);
}

/** @param {string} file @param {string} hash */
export const isStamped = (file, hash) => readIfThere(file) === hash;
