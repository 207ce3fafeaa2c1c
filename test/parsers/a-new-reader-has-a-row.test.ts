import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { allParsers } from "./all-parsers.ts";
import { NO_ROW } from "./no-row.ts";

/** What code has that takes others' bytes apart. */
const TAKES_APART =
  /\bJSON\.parse\(|new BinaryReader\(|\.(?:read(?:Big)?U?Int(?:8|16|32|64)?(?:LE|BE)?)\(|new X509Certificate\(|\.readUIntBE\(|\b(?:new URL|URL\.(?:parse|canParse)|parseToml)\(|from "smol-toml"/;
/** A schema that is made in the file, which somebody will hold up to what came. */
const HAS_SCHEMA = /\bz\.(?:strictObject|object|looseObject|discriminatedUnion|union|record|array|tuple)\(/;
const ROOTS = ["agent", "verifier/src", "sandbox/control-plane/exchange"];

async function readers(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const root of ROOTS) {
    const names = await readdir(root, { recursive: true });
    for (const file of names
      .filter((name) => name.endsWith(".ts") && !name.includes("gen/"))
      .map((name) => join(root, name))) {
      const code = await readFile(file, "utf8");
      if (TAKES_APART.test(code) || HAS_SCHEMA.test(code)) found.push(file);
    }
  }
  return found;
}

it("each file that takes others' bytes apart has a row, or a reason why it has none", async () => {
  const known = new Set([...(await allParsers()).flatMap(({ at }) => at), ...Object.keys(NO_ROW)]);
  expect((await readers()).filter((file) => !known.has(file))).toEqual([]);
});

it("no row and no reason is for a file that is gone", async () => {
  const named = [...(await allParsers()).flatMap(({ at }) => at), ...Object.keys(NO_ROW)];
  for (const file of named) await expect(readFile(file, "utf8")).resolves.not.toBe("");
});
