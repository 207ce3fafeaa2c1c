import { join } from "node:path";
import { expect, it } from "vitest";
import { RECORD_LIMITS } from "../../agent/adapters/records/record-limits.ts";
import type { RecordStore } from "../../agent/ports/records.ts";
import { FragileJournal } from "./fragile-journal.ts";
import { freshDirectory, openIn } from "./open-in.ts";
import { closed, drain, summary } from "./sessions.ts";

const RUN = "gateway-run-1";
const NAMES = ["a", "b", "c", "d", "e"];

async function fragile(directory: string, leastGarbageBytes = RECORD_LIMITS.leastGarbageBytes) {
  const journal = await FragileJournal.open(join(directory, "journal.ndjson"));
  const limits = { ...RECORD_LIMITS, leastGarbageBytes };
  const records = await openIn(directory, { limits, openJournal: () => Promise.resolve(journal) });
  for (const name of NAMES) await closed(records, RUN, summary(name));
  return { journal, records };
}

function sent(records: RecordStore): readonly string[] {
  return records.pending(10)?.records.map((record) => record.summary.sessionId) ?? [];
}

it("takes effect at once while the disk hangs, and one line is written for all that came meanwhile", async () => {
  await using directory = await freshDirectory();
  const { journal, records } = await fragile(directory.path);
  let letGo = (): void => undefined;
  const hangs = new Promise<void>((begun) => {
    journal.after = () => {
      begun();
      return new Promise((resolve) => {
        letGo = resolve;
      });
    };
  });
  const kept = closed(records, RUN, summary("f"));
  await hangs;
  journal.after = () => Promise.resolve();
  const before = journal.appends;
  for (const upTo of [1n, 2n, 3n]) {
    sent(records);
    records.acknowledge("boot-1", upTo);
    expect(records.counts.waiting).toBe(NAMES.length - Number(upTo));
  }
  expect(sent(records)).toEqual(["d", "e"]);
  letGo();
  await kept;
  expect(sent(records)).toEqual(["d", "e", "f"]);
  await records.close();
  expect(journal.appends).toBe(before + 1);
  await using again = await openIn(directory.path);
  expect(await drain(again)).toEqual(["boot-1/4 d", "boot-1/5 e", "boot-1/6 f"]);
});

it("that comes in the middle of a write that fails is not taken back with it", async () => {
  await using directory = await freshDirectory();
  const { journal, records } = await fragile(directory.path);
  sent(records);
  journal.before = () => {
    records.acknowledge("boot-1", 2n);
    journal.before = () => Promise.resolve();
    return Promise.reject(new Error("no space"));
  };
  await expect(closed(records, RUN, summary("f"))).rejects.toThrow("no space");
  expect(sent(records)).toEqual(["c", "d", "e"]);
  await closed(records, RUN, summary("f"));
  await records.close();
  await using again = await openIn(directory.path);
  expect(await drain(again)).toEqual(["boot-1/3 c", "boot-1/4 d", "boot-1/5 e", "boot-1/6 f"]);
});

it("may come while the journal is written anew, and what is sent meanwhile is what it seems", async () => {
  await using directory = await freshDirectory();
  const { journal, records } = await fragile(directory.path, 0);
  const seen: (readonly string[])[] = [];
  sent(records);
  // From here on most of the journal is garbage: the next write is followed by a new journal.
  records.acknowledge("boot-1", 3n);
  journal.during = () => {
    seen.push(sent(records));
    records.acknowledge("boot-1", 4n);
  };
  const replaced = new Promise<void>((resolve) => {
    journal.replaced = () => {
      journal.during = () => undefined;
      seen.push(sent(records));
      resolve();
      return Promise.resolve();
    };
  });
  await closed(records, RUN, summary("f"));
  await replaced;
  await closed(records, RUN, summary("g"));
  expect(seen[0]).toEqual(["d", "e", "f"]);
  expect(seen.at(-1)).toEqual(["e", "f"]);
  await records.close();
  await using again = await openIn(directory.path);
  expect(await drain(again)).toEqual(["boot-1/5 e", "boot-1/6 f", "boot-1/7 g"]);
});
