import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Cleaner } from "../../agent/adapters/bundle/cleaner.ts";
import { KeptDigests, readDigests } from "../../agent/adapters/bundle/kept-digests.ts";
import { SecretSearch } from "../../agent/adapters/bundle/secret-search.ts";
import { notebook } from "../control/stand-ins.ts";
import { folderOfOwn } from "./unpacked.ts";

/** What is left of a text, as a bundle would have it. */
async function cleanedBy(file: string, text: string): Promise<string> {
  const digests = await readDigests(file);
  const cleaner = new Cleaner(new SecretSearch(digests === undefined ? [] : [digests]), new Map());
  return Buffer.concat([...cleaner.push(Buffer.from(text)), cleaner.end()]).toString("utf8");
}

it("what a killed process held is found as well as what the next one holds, and the file has neither", async () => {
  await using folder = await folderOfOwn();
  const [file, log] = [join(folder.path, "digests.json"), notebook()];
  expect(await readDigests(file)).toBeUndefined();
  const first = await KeptDigests.open(file, 0o640, log);
  for (const secret of ["first-secret", "first-secret", new Uint8Array(64).fill(7)]) first.remember(secret);
  await first.written;
  const second = await KeptDigests.open(file, 0o640, log);
  second.remember("second-secret");
  await second.written;
  expect(await cleanedBy(file, "a first-secret, a second-secret, a third-secret")).toBe(
    "a [redacted: value], a [redacted: value], a third-secret",
  );
  expect(await readFile(file, "latin1")).not.toMatch(/secret-|first-|second-/);
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  expect(log.events).toEqual([]);
});

it("a damaged file is told, and begun anew; whoever only reads it hears of the damage", async () => {
  await using folder = await folderOfOwn();
  const [file, log] = [join(folder.path, "digests.json"), notebook()];
  await writeFile(file, "{");
  await expect(readDigests(file)).rejects.toThrow("JSON");
  const kept = await KeptDigests.open(file, 0o600, log);
  kept.remember("a-new-secret");
  await kept.written;
  expect(log.events).toEqual(["secrets.digests-damaged"]);
  expect(await cleanedBy(file, "a-new-secret")).toBe("[redacted: value]");
});

it("where it cannot be written the process goes on", async () => {
  await using folder = await folderOfOwn();
  const log = notebook();
  const kept = await KeptDigests.open(join(folder.path, "none", "digests.json"), 0o600, log);
  kept.remember("a-new-secret");
  await kept.written;
  expect(log.events).toEqual(["secrets.digests-not-kept"]);
});

it("the oldest are forgotten, so that it does not grow without end", async () => {
  await using folder = await folderOfOwn();
  const file = join(folder.path, "digests.json");
  const kept = await KeptDigests.open(file, 0o600, notebook());
  for (let at = 0; at < 3_000; at += 1) kept.remember(`secret-number-${at}`);
  await kept.written;
  expect((await readDigests(file))?.digests.length).toBeLessThanOrEqual(20_000);
  expect(await cleanedBy(file, "secret-number-2999 ")).toBe("[redacted: value] ");
  expect(await cleanedBy(file, "secret-number-0 ")).toBe("secret-number-0 ");
});
