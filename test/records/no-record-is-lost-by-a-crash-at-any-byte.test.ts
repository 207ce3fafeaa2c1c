import * as fc from "fast-check";
import { expect, it } from "vitest";
import { RECORD_LIMITS } from "../../agent/adapters/records/record-limits.ts";
import type { RecordStore } from "../../agent/ports/records.ts";
import { freshDirectory, openIn } from "./open-in.ts";
import { CuttableJournal, type PowerCut } from "./power-cut.ts";
import { closed, opened, opening, settle, summary } from "./sessions.ts";

type Step =
  | { readonly do: "open" | "close"; readonly session: number }
  | { readonly do: "settle" | "tell" | "acknowledge" | "hear" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("open" as const), session: fc.nat(30) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("close" as const), session: fc.nat(30) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("settle", "tell", "acknowledge", "hear" as const) }) },
);

/**
 * One life of the process: what it was asked to do, some of it at once, and the write at which the
 * power went.
 */
const life = fc.record({
  sameBoot: fc.boolean(),
  leastGarbageBytes: fc.constantFrom(0, 500, 1_000_000),
  groups: fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 8 }),
  cut: fc.record({
    atWrite: fc.integer({ min: 1, max: 24 }),
    share: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1)),
  }),
});

interface World {
  bootId: string;
  runId: string;
  /**
   * Sessions of the present gateway that it still remembers as open, or as closed without having
   * heard that the record is kept.
   */
  readonly open: Set<string>;
  readonly unheard: Set<string>;
  /**
   * Of which a promise has resolved: that it is known as open, or that its record is kept. Each
   * must be told in the end.
   */
  readonly promised: Set<string>;
  readonly kept: Set<string>;
  readonly toldAs: Map<string, string>;
  told: { readonly bootId: string; readonly last: bigint } | undefined;
}

it("loses no promised record, leaves no gap and gives no number twice, wherever a crash falls", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 6 }), async (lives) => {
      await using directory = await freshDirectory();
      const world = newWorld();
      for (const [index, { sameBoot, ...rest }] of lives.entries()) {
        if (!sameBoot) reboot(world, index);
        await live(directory.path, world, rest);
      }
      await using records = await openIn(directory.path, { bootId: world.bootId });
      await greet(records, world);
      await settle(records, "no gateway any more", []);
      while (tell(records, world)) acknowledge(records, world);
      expect([...world.promised, ...world.kept].filter((id) => !toldSessions(world).has(id))).toEqual([]);
      expectNoGaps(world);
    }),
    { numRuns: 100 },
  );
}, 120_000);

async function live(
  path: string,
  world: World,
  { groups, cut, leastGarbageBytes }: { groups: Step[][]; cut: PowerCut; leastGarbageBytes: number },
): Promise<void> {
  let journal: CuttableJournal | undefined;
  const openJournal = async (file: string): Promise<CuttableJournal> => {
    journal = await CuttableJournal.open(file, cut);
    return journal;
  };
  const records = await openIn(path, {
    bootId: world.bootId,
    openJournal,
    limits: { ...RECORD_LIMITS, leastGarbageBytes },
  });
  const run = async (): Promise<void> => {
    await greet(records, world);
    for (const group of groups) await Promise.all(group.map((one) => take(records, world, one)));
  };
  await Promise.race([run().then(() => records.close()), journal?.dark]);
  await journal?.close();
}

/** What the gateway says when control comes back: the same sessions again. */
async function greet(records: RecordStore, world: World): Promise<void> {
  await Promise.all([...world.unheard].map((id) => close(records, world, id)));
  await Promise.all([...world.open].map((id) => open(records, world, id)));
  await settle(records, world.runId, [...world.open]);
}

async function take(records: RecordStore, world: World, one: Step): Promise<void> {
  switch (one.do) {
    case "open": {
      const id = `${world.runId}-${one.session}`;
      if (world.toldAs.has(id) || world.promised.has(id) || world.unheard.has(id)) return;
      world.open.add(id);
      return open(records, world, id);
    }
    case "close": {
      const known = [...world.open, ...world.unheard];
      const id = known[one.session % known.length];
      if (id === undefined) return;
      world.open.delete(id);
      world.unheard.add(id);
      return close(records, world, id);
    }
    case "settle":
      return settle(records, world.runId, [...world.open]);
    case "hear":
      for (const id of world.unheard) if (world.kept.has(id)) world.unheard.delete(id);
      return;
    case "tell":
      // While the others of the group are being written.
      await new Promise(setImmediate);
      tell(records, world);
      return;
    case "acknowledge":
      acknowledge(records, world);
      return;
    default:
      return one satisfies never;
  }
}

async function open(records: RecordStore, world: World, id: string): Promise<void> {
  await opened(records, world.runId, opening(id));
  world.promised.add(id);
}

async function close(records: RecordStore, world: World, id: string): Promise<void> {
  await closed(records, world.runId, summary(id));
  world.kept.add(id);
}

function tell(records: RecordStore, world: World): boolean {
  const batch = records.pending(3);
  for (const { sequence, summary } of batch?.records ?? []) {
    const key = `${batch?.bootId}/${sequence}`;
    const as = [...world.toldAs].find(([, known]) => known === key)?.[0];
    expect(as ?? summary.sessionId, `${key} was told as another session before`).toBe(summary.sessionId);
    expect(world.toldAs.get(summary.sessionId) ?? key, `${summary.sessionId} has two numbers`).toBe(key);
    world.toldAs.set(summary.sessionId, key);
  }
  const last = batch?.records.at(-1)?.sequence;
  if (batch === undefined || last === undefined) return false;
  world.told = { bootId: batch.bootId, last };
  return true;
}

function acknowledge(records: RecordStore, world: World): void {
  if (world.told !== undefined) records.acknowledge(world.told.bootId, world.told.last);
}

function reboot(world: World, index: number): void {
  for (const id of world.open) world.open.delete(id);
  for (const id of world.unheard) world.unheard.delete(id);
  world.bootId = `boot-${index + 1}`;
  world.runId = `run-${index + 1}`;
}

function newWorld(): World {
  return {
    bootId: "boot-0",
    runId: "run-0",
    open: new Set(),
    unheard: new Set(),
    promised: new Set(),
    kept: new Set(),
    toldAs: new Map(),
    told: undefined,
  };
}

function toldSessions(world: World): ReadonlySet<string> {
  return new Set(world.toldAs.keys());
}

function expectNoGaps(world: World): void {
  const boots = new Map<string, number[]>();
  for (const key of world.toldAs.values()) {
    const [boot, sequence] = key.split("/");
    boots.set(boot ?? "", [...(boots.get(boot ?? "") ?? []), Number(sequence)]);
  }
  for (const numbers of boots.values()) {
    expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, at) => at + 1));
  }
}
