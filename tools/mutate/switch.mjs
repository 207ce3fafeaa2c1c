import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll } from "vitest";
import { MUTATION_FILE } from "./mutation-file.mjs";

// Runs in each test file's process before the test file: mutants ask `__mutant` whether they live.

/** @type {(json: string) => import("./mutation-file.mjs").Mutation} */
const parse = JSON.parse;
const { living, hitsFolder } = parse(readFileSync(MUTATION_FILE, "utf8"));

/** @type {Set<number>} */
const hits = new Set();
/** @param {number} id */
const lives = (id) => id === living;
/** @param {number} id */
const hears = (id) => {
  hits.add(id);
  return false;
};
Object.assign(globalThis, { __mutant: hitsFolder ? hears : lives });

if (hitsFolder)
  afterAll(() => {
    mkdirSync(hitsFolder, { recursive: true });
    writeFileSync(join(hitsFolder, `${process.pid}.json`), JSON.stringify([...hits]));
  });
