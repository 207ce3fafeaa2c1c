import { describe, expect, it } from "vitest";
import type { Clock } from "../../agent/ports/clock.ts";
import { freshDirectory, openIn } from "./open-in.ts";
import { closed, drain, OPENED_AT_MS, opened, opening, settle, summary } from "./sessions.ts";

const RUN = "gateway-run-1";

describe("session records", () => {
  it("number from 1 without gaps over restarts of the process", async () => {
    await using directory = await freshDirectory();
    for (const sessionId of ["a", "b", "c"]) {
      await using records = await openIn(directory.path);
      await opened(records, RUN, opening(sessionId));
      await closed(records, RUN, summary(sessionId));
    }
    await using records = await openIn(directory.path);
    expect(await drain(records)).toEqual(["boot-1/1 a", "boot-1/2 b", "boot-1/3 c"]);
  });

  it("come back whole", async () => {
    await using directory = await freshDirectory();
    const told = summary("a", { ending: "ca-withdrawn", detail: "naïve — 世界\n", bytesToClient: 2 ** 45 });
    {
      await using records = await openIn(directory.path);
      await closed(records, RUN, told);
    }
    await using records = await openIn(directory.path);
    expect(records.pending(10)).toEqual({ bootId: "boot-1", records: [{ sequence: 1n, summary: told }] });
  });

  it("are told oldest boot first, each boot numbering from 1", async () => {
    await using directory = await freshDirectory();
    for (const bootId of ["boot-1", "boot-2"]) {
      await using records = await openIn(directory.path, { bootId });
      await Promise.all(["x", "y"].map((name) => closed(records, RUN, summary(`${bootId}-${name}`))));
    }
    await using records = await openIn(directory.path, { bootId: "boot-3" });
    expect(await drain(records, 1)).toEqual([
      "boot-1/1 boot-1-x",
      "boot-1/2 boot-1-y",
      "boot-2/1 boot-2-x",
      "boot-2/2 boot-2-y",
    ]);
  });

  it("are kept once, however often the gateway tells them, acknowledged or not", async () => {
    await using directory = await freshDirectory();
    {
      await using records = await openIn(directory.path);
      await Promise.all([closed(records, RUN, summary("a")), closed(records, RUN, summary("a"))]);
      records.pending(9);
      records.acknowledge("boot-1", 1n);
      await closed(records, RUN, summary("a"));
    }
    await using records = await openIn(directory.path);
    await closed(records, RUN, summary("a"));
    await closed(records, RUN, summary("b"));
    expect(await drain(records)).toEqual(["boot-1/2 b"]);
  });

  it("are counted once each, those of a lost gateway too, and none again after a restart", async () => {
    await using directory = await freshDirectory();
    const counted: string[] = [];
    const onRecord = ({ sessionId, ending }: { sessionId: string; ending: string }): void =>
      void counted.push(`${sessionId} ${ending}`);
    {
      await using records = await openIn(directory.path, { onRecord });
      await opened(records, RUN, opening("lost"));
      await Promise.all([closed(records, RUN, summary("a")), closed(records, RUN, summary("a"))]);
      await settle(records, "gateway-run-2", []);
    }
    await using records = await openIn(directory.path, { onRecord });
    await closed(records, RUN, summary("a"));
    expect(counted).toEqual([`a ${summary("a").ending}`, "lost gateway-lost"]);
  });

  it.each([
    { upTo: 0n, left: [1n, 2n, 3n] },
    { upTo: 2n, left: [3n] },
    { upTo: 99n, left: undefined },
    { upTo: 2n ** 64n - 1n, left: undefined },
  ])("are forgotten up to the acknowledged number $upTo, for good", async ({ upTo, left }) => {
    await using directory = await freshDirectory();
    {
      await using records = await openIn(directory.path);
      await Promise.all(["a", "b", "c"].map((id) => closed(records, RUN, summary(id))));
      expect(records.pending(10)?.records).toHaveLength(3);
      records.acknowledge("boot-1", upTo);
      records.acknowledge("boot-of-somebody-else", upTo);
      expect(records.pending(10)?.records.map((record) => record.sequence)).toEqual(left);
    }
    await using records = await openIn(directory.path);
    expect(records.pending(10)?.records.map((record) => record.sequence)).toEqual(left);
    await closed(records, RUN, summary("d"));
    expect(records.pending(10)?.records.at(-1)?.sequence).toBe(4n);
  });

  it("are not forgotten before they were given to be sent, whatever number the control plane acknowledges", async () => {
    await using directory = await freshDirectory();
    {
      await using records = await openIn(directory.path);
      await Promise.all(["a", "b", "c"].map((id) => closed(records, RUN, summary(id))));
      records.acknowledge("boot-1", 3n);
      expect(records.counts.waiting).toBe(3);
      expect(records.pending(2)?.records).toHaveLength(2);
      records.acknowledge("boot-1", 3n);
      expect(records.pending(10)?.records.map((record) => record.summary.sessionId)).toEqual(["c"]);
    }
    await using records = await openIn(directory.path);
    expect(await drain(records)).toEqual(["boot-1/3 c"]);
  });

  it("tell of each change of their counts, and of nothing else", async () => {
    await using directory = await freshDirectory();
    await using records = await openIn(directory.path);
    const heard: unknown[] = [];
    const stop = records.onCounts((counts) => heard.push(counts));
    await opened(records, RUN, opening("a"));
    records.progress("a", 1, 1);
    const before = records.counts;
    expect(records.counts).toBe(before);
    await closed(records, RUN, summary("a"));
    await closed(records, RUN, summary("a"));
    records.pending(1);
    records.acknowledge("boot-1", 1n);
    records.acknowledge("boot-1", 1n);
    expect(heard).toEqual([
      { waiting: 1, dropped: 0 },
      { waiting: 0, dropped: 0 },
    ]);
    stop();
    await closed(records, RUN, summary("b"));
    expect(heard).toHaveLength(2);
  });
});

describe("a session whose gateway is lost", () => {
  const at = (wallMs: { now: number }): Clock => ({
    now: () => ({ wallMs: wallMs.now, monoMs: 0 }),
    sleep: () => new Promise(() => undefined),
    random: () => 0,
  });

  it("gets a record with the bytes and the duration up to when it was last heard of", async () => {
    await using directory = await freshDirectory();
    const wallMs = { now: OPENED_AT_MS };
    await using records = await openIn(directory.path, { clock: at(wallMs) });
    await opened(records, RUN, opening("a"));
    wallMs.now = OPENED_AT_MS + 4_000;
    records.progress("a", 111, 222);
    records.progress("never-opened", 1, 1);
    wallMs.now = OPENED_AT_MS + 60_000;
    await settle(records, "gateway-run-2", []);
    expect(records.pending(10)?.records).toEqual([
      {
        sequence: 1n,
        summary: summary("a", {
          ending: "gateway-lost",
          durationMs: 4_000,
          bytesFromClient: 111,
          bytesToClient: 222,
          detail: "last heard of at 2026-01-02T03:04:09.000Z",
        }),
      },
    ]);
  });

  it.each([
    { name: "another run, told by nobody", run: "gateway-run-2", stillOpen: [], lost: ["a", "b"] },
    { name: "another run, even if it names the same id", run: "gateway-run-2", stillOpen: ["a"], lost: ["a", "b"] },
    { name: "the same run, which forgot one", run: RUN, stillOpen: ["a"], lost: ["b"] },
    { name: "the same run, which has both", run: RUN, stillOpen: ["a", "b"], lost: [] },
  ])("is found by the next hello: $name", async ({ run, stillOpen, lost }) => {
    await using directory = await freshDirectory();
    await using records = await openIn(directory.path);
    await opened(records, RUN, opening("a"));
    await opened(records, RUN, opening("b"));
    await opened(records, RUN, opening("a"));
    await settle(records, run, stillOpen);
    await settle(records, run, stillOpen);
    expect(records.pending(10)?.records.map((record) => record.summary.sessionId) ?? []).toEqual(lost);
  });

  it("is recorded under the boot in which it was opened, though the machine has booted since", async () => {
    await using directory = await freshDirectory();
    {
      await using records = await openIn(directory.path);
      await closed(records, RUN, summary("a"));
      await opened(records, RUN, opening("b"));
      records.pending(9);
      records.acknowledge("boot-1", 1n);
    }
    await using records = await openIn(directory.path, { bootId: "boot-2" });
    await closed(records, "gateway-run-2", summary("c"));
    await settle(records, "gateway-run-2", []);
    expect(await drain(records)).toEqual(["boot-1/2 b", "boot-2/1 c"]);
  });
});
