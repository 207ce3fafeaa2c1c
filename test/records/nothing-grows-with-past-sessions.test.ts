import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { RECORD_LIMITS } from "../../agent/adapters/records/record-limits.ts";
import { sessionIdOf } from "../../agent/core/closed-sessions.ts";
import { freshDirectory, openIn } from "./open-in.ts";
import { closed, drain, listeningLog, opened, opening, summary } from "./sessions.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const RUN = "gateway-run-1";

it("keeps the journal small while records come and are acknowledged", async () => {
  await using directory = await freshDirectory();
  await using records = await openIn(directory.path, { limits: { ...RECORD_LIMITS, leastGarbageBytes: 20_000 } });
  const path = join(directory.path, "journal.ndjson");
  let largest = 0;
  for (let round = 0; round < 60; round += 1) {
    const ids = Array.from({ length: 20 }, (_, at) => sessionIdOf(RUN, 1 + 20 * round + at));
    await Promise.all(ids.map((id) => opened(records, RUN, opening(id))));
    await Promise.all(ids.map((id) => closed(records, RUN, summary(id))));
    records.pending(20);
    records.acknowledge("boot-1", BigInt(20 * (round + 1)));
    largest = Math.max(largest, (await stat(path)).size);
  }
  // 1,200 sessions take 960 kB of lines; what stays is 20 kB of garbage at most, and the round in
  // hand.
  expect(largest).toBeLessThan(60_000);
  expect(records.counts.waiting).toBe(0);
});

it.each([
  { name: "records", limits: { maxRecords: 100, maxBytes: 1e9 } },
  { name: "bytes", limits: { maxRecords: 1e9, maxBytes: 100 * 500 } },
])("lets the oldest go when there are too many $name, counts them, and says so", async ({ limits }) => {
  await using directory = await freshDirectory();
  const log = listeningLog();
  const options = { log, limits: { ...limits, leastGarbageBytes: 10_000 } };
  let dropped = 0;
  {
    await using records = await openIn(directory.path, options);
    for (let at = 1; at <= 150; at += 1) await closed(records, RUN, summary(`session-${at}`));
    dropped = records.counts.dropped;
    expect(dropped).toBeGreaterThan(20);
    expect(records.counts).toEqual({ waiting: 150 - dropped, dropped });
    expect(log.events).toContain("records.dropped");
  }
  await using records = await openIn(directory.path, options);
  expect(records.counts).toEqual({ waiting: 150 - dropped, dropped });
  const left = await drain(records);
  expect(left[0]).toBe(`boot-1/${dropped + 1} session-${dropped + 1}`);
  expect(left.at(-1)).toBe("boot-1/150 session-150");
});

it("counts what was dropped for the boot in which it happened only", async () => {
  await using directory = await freshDirectory();
  const limits = { ...RECORD_LIMITS, maxRecords: 3 };
  {
    await using records = await openIn(directory.path, { limits });
    for (let at = 1; at <= 5; at += 1) await closed(records, RUN, summary(`session-${at}`));
    expect(records.counts.dropped).toBe(2);
  }
  await using records = await openIn(directory.path, { limits, bootId: "boot-2" });
  expect(records.counts).toEqual({ waiting: 3, dropped: 0 });
});

it("holds 50,000 waiting records in few bytes of memory each, and finds them again", async () => {
  await using directory = await freshDirectory();
  const count = 50_000;
  {
    await using records = await openIn(directory.path);
    for (let from = 0; from < count; from += 5_000) {
      await Promise.all(
        Array.from({ length: 5_000 }, (_, at) => closed(records, RUN, summary(sessionIdOf(RUN, 1 + from + at)))),
      );
    }
  }
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  await using records = await openIn(directory.path);
  collectGarbage();
  expect(records.counts.waiting).toBe(count);
  expect((process.memoryUsage().heapUsed - before) / count).toBeLessThan(150);
  const left = await drain(records, 500);
  expect(left).toHaveLength(count);
  expect(left.at(-1)).toBe(`boot-1/${count} ${sessionIdOf(RUN, count)}`);
});
