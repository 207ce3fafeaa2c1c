import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

// Somebody may still read what was used an hour ago.
const IDLE_MS = 60 * 60_000;

/**
 * Removes all but the newest of what was made from older sources. Each is a gigabyte or so.
 * @param {string} folder
 * @param {string} prefix Of their names.
 * @param {number} kept
 */
export function keepNewest(folder, prefix, kept) {
  readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .map((name) => ({ path: join(folder, name), usedMs: statSync(join(folder, name)).mtimeMs }))
    .toSorted((a, b) => b.usedMs - a.usedMs)
    .slice(kept)
    .filter(({ usedMs }) => Date.now() - usedMs > IDLE_MS)
    .forEach(({ path }) => rmSync(path, { recursive: true, force: true }));
}
