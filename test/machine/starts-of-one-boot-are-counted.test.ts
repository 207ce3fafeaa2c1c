import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { countStart } from "../../agent/adapters/machine/count-start.ts";
import { notebook } from "../control/stand-ins.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "starts-"));
  file = join(folder, "starts.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

it("counts the starts before this one, of this boot alone", async () => {
  const log = notebook();
  const counts: number[] = [];
  for (const boot of ["a", "a", "a", "b", "b"]) counts.push(await countStart(file, boot, log));
  expect(counts).toEqual([0, 1, 2, 0, 1]);
  expect(log.events).toEqual([]);
});

it.each(["", "{", "null", '{"bootId":"a"}', '{"bootId":"a","starts":"many"}', '{"bootId":"a","starts":1e99}'])(
  "counts anew where the file says %j",
  async (text) => {
    writeFileSync(file, text);
    expect(await countStart(file, "a", notebook())).toBe(0);
    expect(await countStart(file, "a", notebook())).toBe(1);
  },
);

it("starts all the same where it cannot be written, and says so", async () => {
  const log = notebook();
  expect(await countStart(join(folder, "gone", "starts.json"), "a", log)).toBe(0);
  expect(log.events).toEqual(["starts.not-counted"]);
});
