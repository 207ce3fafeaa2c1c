import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeLine } from "../../agent/adapters/records/journal-line.ts";
import { RECORD_LIMITS } from "../../agent/adapters/records/record-limits.ts";
import { ClosedSessions, sessionIdOf } from "../../agent/core/closed-sessions.ts";
import type { RecordStore } from "../../agent/ports/records.ts";
import { freshDirectory, openIn } from "./open-in.ts";
import { summary } from "./sessions.ts";

const RUN = "5a0c1d1e-6c0f-4d43-9f5a-3d1c2b7f0e11";

/** A gateway keeps up to 100,000; before, 16,384 were recognised. */
const SESSIONS = 40_000;

function hello(records: RecordStore, numbers: readonly number[]): Promise<void> {
  const closed = numbers.map((number) => summary(sessionIdOf(RUN, number)));
  return records.commit([{ runId: RUN, event: { is: "hello", open: [], closed } }]);
}

function acknowledgeAll(records: RecordStore): void {
  for (let batch = records.pending(10_000); batch !== undefined; batch = records.pending(10_000))
    records.acknowledge(batch.bootId, batch.records.at(-1)?.sequence ?? 0n);
}

describe("a gateway that was alone for long", () => {
  it("tells its sessions again and again, over a restart of control, and each has one record", async () => {
    await using directory = await freshDirectory();
    const numbers = Array.from({ length: SESSIONS }, (_, at) => at + 1);
    {
      await using records = await openIn(directory.path);
      await hello(records, numbers);
      expect(records.counts).toEqual({ waiting: SESSIONS, dropped: 0 });
      acknowledgeAll(records);
      await hello(records, numbers);
      expect(records.counts.waiting).toBe(0);
    }
    await using records = await openIn(directory.path);
    await hello(records, numbers);
    await hello(records, [SESSIONS + 1]);
    expect(records.pending(10)?.records.map((record) => record.sequence)).toEqual([BigInt(SESSIONS + 1)]);
  }, 120_000);

  it("costs the journal one short line once its records are acknowledged", async () => {
    await using directory = await freshDirectory();
    const options = { limits: { ...RECORD_LIMITS, leastGarbageBytes: 0 } };
    const numbers = Array.from({ length: 20_000 }, (_, at) => at + 1);
    {
      await using records = await openIn(directory.path, options);
      await hello(records, numbers);
      acknowledgeAll(records);
      // The journal is written anew after the write in which more than half of it has become
      // garbage.
      await hello(records, [20_001]);
      acknowledgeAll(records);
      await hello(records, [20_002]);
    }
    expect((await stat(join(directory.path, "journal.ndjson"))).size).toBeLessThan(3_000);
    await using records = await openIn(directory.path, options);
    await hello(records, numbers);
    expect(records.counts.waiting).toBe(1);
  });
});

it("knows those that an earlier release of this program noted by name", async () => {
  await using directory = await freshDirectory();
  const sessionIds = [sessionIdOf(RUN, 7), "named-otherwise"];
  await writeFile(
    join(directory.path, "journal.ndjson"),
    encodeLine({ is: "recent", bootId: "boot-1", next: 8, sessionIds }),
  );
  await using records = await openIn(directory.path);
  await hello(records, [6, 7, 8]);
  expect(records.pending(10)?.records.map((record) => record.summary.sessionId)).toEqual([
    sessionIdOf(RUN, 6),
    sessionIdOf(RUN, 8),
  ]);
});

describe("the set of closed sessions", () => {
  const number = fc.integer({ min: 1, max: 40 });
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom("add", "delete"), run: fc.constantFrom("r1", "r2"), number }),
    fc.record({ do: fc.constant("reload"), run: fc.constant(""), number: fc.integer({ min: 1, max: 5 }) }),
  );

  it("holds what a plain set would, whatever is added, taken back, written and read", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let closed = new ClosedSessions();
        const plain = new Set<string>();
        for (const one of steps) {
          const id = sessionIdOf(one.run, one.number);
          if (one.do === "add") closed.add(id);
          if (one.do === "delete") closed.delete(id);
          if (one.do === "reload") closed = reloaded(closed, one.number);
          if (one.do === "add") plain.add(id);
          if (one.do === "delete") plain.delete(id);
        }
        closed.trim();
        const all = ["r1", "r2"].flatMap((run) => Array.from({ length: 42 }, (_, at) => sessionIdOf(run, at)));
        expect(all.filter((id) => closed.has(id))).toEqual(all.filter((id) => plain.has(id)));
        for (const [, spans] of closed.entries(1_000))
          expect(spans.every((each, at) => at === 0 || each - (spans[at - 1] ?? 0) >= (at % 2 === 0 ? 2 : 0))).toBe(
            true,
          );
      }),
      { numRuns: 500 },
    );
  });

  it("does not grow beyond its bounds, and forgets the oldest run first", () => {
    const closed = new ClosedSessions();
    closed.add("old.1");
    for (let at = 0; at < 140_000; at += 1) closed.add(sessionIdOf("new", 2 * at + 1));
    closed.trim();
    expect(closed.has("old.1")).toBe(false);
    expect(closed.has("new.1")).toBe(false);
    expect(closed.has(sessionIdOf("new", 2 * 139_999 + 1))).toBe(true);
    const spans = [...closed.entries(1e6)].reduce((sum, [, each]) => sum + each.length / 2, 0);
    expect(spans).toBe(131_072);
    for (let at = 0; at < 20_000; at += 1) closed.add(`stranger-${at}`);
    closed.trim();
    expect([...closed.entries(1e6)].length).toBe(16_384);
    expect(closed.has("stranger-19999")).toBe(true);
    expect(closed.has("stranger-1")).toBe(false);
  });
});

function reloaded(closed: ClosedSessions, most: number): ClosedSessions {
  const next = new ClosedSessions();
  for (const [runId, spans] of closed.entries(most)) next.addSpans(runId, spans);
  return next;
}
