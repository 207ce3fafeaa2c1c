import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { payloadOf, wrongIn } from "./payload.ts";

const payload = payloadOf(5, 4_096);
const twice = Buffer.concat([payload, payload]);
const sum = `${createHash("sha256").update(payload).digest("hex")}  -\n`;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "output-"));
  await writeFile(join(dir, "sum"), sum);
  await writeFile(join(dir, "twice"), twice);
});
afterEach(() => rm(dir, { recursive: true }));

it("finds nothing wrong in what the context makes", async () => {
  expect(await wrongIn(dir, payload)).toBeUndefined();
});

it("sees one bit that is another, an end that is missing, a file that is missing, and another build's output", async () => {
  const flipped = Buffer.from(twice);
  flipped[5_000] = (flipped[5_000] ?? 0) ^ 1;
  await writeFile(join(dir, "twice"), flipped);
  expect(await wrongIn(dir, payload)).toMatch(/twice/);
  await writeFile(join(dir, "twice"), twice.subarray(0, -1));
  expect(await wrongIn(dir, payload)).toMatch(/twice has 8191/);
  await rm(join(dir, "twice"));
  expect(await wrongIn(dir, payload)).toBe("twice is missing");
  expect(await wrongIn(dir, payloadOf(6, 4_096))).toMatch(/^sum is /);
});
