import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SessionRecord } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { RecordFiles } from "../../../sandbox/control-plane/kept/record-files.ts";
import { RecordBook } from "../../../sandbox/control-plane/record-book.ts";
import { APP } from "../plain-agent.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "records-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** Of a process that has just started. */
function book(fileMaxBytes?: number): RecordBook {
  return new RecordBook(new RecordFiles(dir, fileMaxBytes));
}

function send(to: RecordBook, bootId: string, ...sequences: readonly number[]): bigint {
  const records = sequences.map((sequence) =>
    SessionRecord.fromPartial({
      ...{ sequence: BigInt(sequence), sessionId: `s-${sequence}`, buildId: "b-1" },
      ...{ orgId: APP.org, projectId: APP.project, keySpkiSha256: Uint8Array.of(0xab, 0xcd), bytesToClient: 2n ** 60n },
    }),
  );
  return to.store(APP, { bootId, records });
}

async function kept(name = "records.jsonl"): Promise<readonly string[]> {
  const lines = (await readFile(join(dir, name), "utf8")).split("\n").filter(Boolean);
  return lines.flatMap((line) =>
    (JSON.parse(line) as { records: { sequence: string }[] }).records.map(({ sequence }) => sequence),
  );
}

it("knows after a restart what it has acknowledged, what is missing, and what comes again", async () => {
  expect(send(book(), "one", 1, 2)).toBe(2n);
  const second = book();
  expect(send(second, "one", 2, 3, 5)).toBe(3n);
  expect(second.repeats).toBe(1);
  const third = book();
  expect(send(third, "one", 5)).toBe(3n);
  expect(send(third, "one", 4)).toBe(5n);
  expect(send(third, "two", 9)).toBe(9n);
  expect(await kept()).toEqual(["1", "2", "3", "5", "4", "9"]);
});

it("can be read by people: numbers in full, keys as hex", async () => {
  send(book(), "one", 1);
  expect(JSON.parse(await readFile(join(dir, "records.jsonl"), "utf8"))).toMatchObject({
    project: "acme/app",
    bootId: "one",
    records: [{ sessionId: "s-1", keySpkiSha256: "abcd", bytesToClient: "1152921504606846976" }],
  });
});

it("drops the half line of a process that was killed: it was never acknowledged", async () => {
  send(book(), "one", 1);
  await appendFile(join(dir, "records.jsonl"), '{"project":"acme/app","bootId":"one","upTo":"2","rec');
  expect(send(book(), "one", 2)).toBe(2n);
  expect(await kept()).toEqual(["1", "2"]);
});

it("forgets the oldest, and still acknowledges nothing that is missing", async () => {
  // Each line begins a file.
  const lineBytes = 1;
  send(book(lineBytes), "one", 1, 2, 3);
  // Kept beyond a gap, in the file that will be the older one, then in none.
  expect(send(book(lineBytes), "one", 5)).toBe(3n);
  expect(send(book(lineBytes), "two", 1, 2)).toBe(2n);
  expect(send(book(lineBytes), "one", 7)).toBe(3n);
  expect(send(book(lineBytes), "two", 3)).toBe(3n);
  expect(await kept("records.1.jsonl")).toEqual(["7"]);
  expect(await kept()).toEqual(["3"]);
  expect(send(book(lineBytes), "one", 4, 5, 6)).toBe(7n);
});

it("acknowledges nothing that it could not write", async () => {
  const running = book();
  send(running, "one", 1);
  await rm(join(dir, "records.jsonl"));
  await rm(dir, { recursive: true });
  expect(() => send(running, "one", 2)).toThrow("ENOENT");
  dir = await mkdtemp(join(tmpdir(), "records-"));
  expect(running.all()).toHaveLength(1);
});

it("says which line is damaged, and what to do", async () => {
  await writeFile(join(dir, "records.jsonl"), '{"project":1}\n');
  expect(() => book()).toThrow(/records\.jsonl, line 1, is damaged: take the line away, or move the file away/);
});
