import { execFileSync } from "node:child_process";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { RecordedEvent } from "../../agent/ports/records.ts";
import { FragileJournal } from "./fragile-journal.ts";
import { freshDirectory, openIn } from "./open-in.ts";
import { closed, drain, opened, opening, settle, summary } from "./sessions.ts";

const RUN = "gateway-run-1";

async function fragile(directory: string) {
  const journal = await FragileJournal.open(join(directory, "journal.ndjson"));
  return { journal, records: await openIn(directory, { openJournal: () => Promise.resolve(journal) }) };
}

describe("a record that is on its way to the disk", () => {
  it("shares one sync with all that come at the same time", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    await Promise.all(Array.from({ length: 300 }, (_, at) => closed(records, RUN, summary(`session-${at}`))));
    expect(journal.appends).toBe(1);
    expect(records.counts).toEqual({ waiting: 300, dropped: 0 });
    await records.close();
  });

  it("shares one sync with all of its turn: 200 sessions that end at once cost one", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    const ids = Array.from({ length: 200 }, (_, at) => `session-${at}`);
    await records.commit([
      ...ids.map((id) => ({ runId: RUN, event: { is: "opened" as const, opening: opening(id) } })),
      ...ids.map((id) => ({ runId: RUN, event: { is: "closed" as const, summary: summary(id) } })),
    ]);
    expect(journal.appends).toBe(1);
    expect(await drain(records)).toEqual(ids.map((id, at) => `boot-1/${at + 1} ${id}`));
    await records.close();
  });

  it("keeps its place: what a gateway closed before it was lost is not taken for lost", async () => {
    await using directory = await freshDirectory();
    await using records = await openIn(directory.path);
    await records.commit([
      { runId: RUN, event: { is: "opened", opening: opening("a") } },
      { runId: RUN, event: { is: "opened", opening: opening("b") } },
      { runId: RUN, event: { is: "closed", summary: summary("a") } },
      { runId: "gateway-run-2", event: { is: "hello", open: [opening("d")], closed: [summary("c")] } },
      { runId: "gateway-run-2", event: { is: "closed", summary: summary("d") } },
      { runId: RUN, event: { is: "closed", summary: summary("b") } },
    ]);
    expect(records.pending(9)?.records.map(({ summary: { sessionId, ending } }) => `${sessionId} ${ending}`)).toEqual([
      "a client-closed",
      "c client-closed",
      "b gateway-lost",
      "d client-closed",
    ]);
  });

  it("is neither promised nor told before it is there", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    let letGo = (): void => undefined;
    const asked = new Promise<void>((begun) => {
      journal.after = () => {
        begun();
        return new Promise((resolve) => {
          letGo = resolve;
        });
      };
    });
    let promised = false;
    const kept = closed(records, RUN, summary("a")).finally(() => {
      promised = true;
    });
    await asked;
    expect(records.pending(1)).toBeUndefined();
    expect(promised).toBe(false);
    letGo();
    await kept;
    expect(records.pending(1)?.records).toHaveLength(1);
    await records.close();
  });
});

describe("a disk that refuses", () => {
  it("refuses everything that it was asked for at once, takes no number, and takes it when asked again", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    await opened(records, RUN, opening("a"));
    journal.before = () => Promise.reject(new AgentError("records.cannot-write", "no space", { retryable: true }));
    const asked = await Promise.allSettled([
      closed(records, RUN, summary("a")),
      opened(records, RUN, opening("b")),
      settle(records, "gateway-run-2", []),
    ]);
    expect(asked.map((one) => one.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(records.counts.waiting).toBe(0);
    journal.before = () => Promise.resolve();
    await closed(records, RUN, summary("c"));
    await closed(records, RUN, summary("a"));
    await opened(records, RUN, opening("b"));
    await settle(records, "gateway-run-2", []);
    expect(await drain(records)).toEqual(["boot-1/1 c", "boot-1/2 a", "boot-1/3 b"]);
    await records.close();
  });

  it("takes nothing of a commit that it refuses, and all of it when asked again", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    const turn: readonly RecordedEvent[] = [
      { runId: RUN, event: { is: "opened", opening: opening("a") } },
      { runId: "gateway-run-2", event: { is: "hello", open: [opening("b")], closed: [summary("c")] } },
    ];
    journal.before = () => Promise.reject(new AgentError("records.cannot-write", "no space", { retryable: true }));
    await expect(records.commit(turn)).rejects.toMatchObject({ code: "records.cannot-write" });
    expect(records.counts.waiting).toBe(0);
    journal.before = () => Promise.resolve();
    await closed(records, "gateway-run-2", summary("z"));
    await records.commit(turn);
    await records.commit(turn);
    expect(await drain(records)).toEqual(["boot-1/1 z", "boot-1/2 c", "boot-1/3 a"]);
    await records.close();
  });

  it("does not make the control plane's acknowledgement void", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    await Promise.all(["a", "b"].map((id) => closed(records, RUN, summary(id))));
    journal.before = () => Promise.reject(new Error("no space"));
    records.pending(1);
    records.acknowledge("boot-1", 1n);
    expect(records.pending(10)?.records.map((record) => record.sequence)).toEqual([2n]);
    journal.before = () => Promise.resolve();
    await closed(records, RUN, summary("c"));
    expect(records.pending(10)?.records.map((record) => record.sequence)).toEqual([2n, 3n]);
    await records.close();
  });

  afterEach(() => vi.restoreAllMocks());

  it("is not believed after a failed sync: the journal is written anew", async () => {
    await using directory = await freshDirectory();
    await using records = await openIn(directory.path);
    await closed(records, RUN, summary("a"));
    const probe = await open(join(directory.path, "probe"), "w");
    const before = (await readFile(join(directory.path, "journal.ndjson"))).byteLength;
    const datasync = vi.spyOn(Object.getPrototypeOf(probe), "datasync");
    await probe.close();
    datasync.mockRejectedValueOnce(Object.assign(new Error("i/o error"), { code: "EIO" }));
    await expect(closed(records, RUN, summary("b"))).rejects.toMatchObject({
      code: "records.cannot-write",
      retryable: true,
      cause: { code: "EIO" },
    });
    expect((await readFile(join(directory.path, "journal.ndjson"))).byteLength).toBeGreaterThan(before);
    await closed(records, RUN, summary("c"));
    expect(datasync).toHaveBeenCalledTimes(3);
    await records.close();
    await using again = await openIn(directory.path);
    expect(await drain(again)).toEqual(["boot-1/1 a", "boot-1/2 c"]);
  });

  it("is full: says so, keeps what it has, and goes on when there is space", async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("mounting a small disk needs root");
    await using directory = await freshDirectory();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "none", directory.path]);
    try {
      await using records = await openIn(directory.path);
      await closed(records, RUN, summary("a"));
      const ballast = join(directory.path, "ballast");
      await writeFile(ballast, Buffer.alloc(1024 * 1024)).catch(() => undefined);
      const many = Array.from({ length: 20 }, (_, at) => summary(`session-${at}`));
      const refused = await Promise.allSettled(many.map((one) => closed(records, RUN, one)));
      expect(refused.map((one) => one.status)).toEqual(many.map(() => "rejected"));
      expect(refused[0]).toMatchObject({ reason: { code: "records.cannot-write", cause: { code: "ENOSPC" } } });
      expect(refused[0]).toMatchObject({ reason: { message: expect.stringContaining("No space left") as string } });
      expect(records.pending(10)?.records).toHaveLength(1);
      await rm(ballast);
      await Promise.all(many.map((one) => closed(records, RUN, one)));
      await records.close();
      await using again = await openIn(directory.path);
      expect(await drain(again)).toEqual(
        ["a", ...many.map((one) => one.sessionId)].map((id, at) => `boot-1/${at + 1} ${id}`),
      );
    } finally {
      execFileSync("umount", [directory.path]);
    }
  });

  it("cannot be opened: says which directory", async () => {
    await using directory = await freshDirectory();
    await writeFile(join(directory.path, "file"), "");
    await expect(openIn(join(directory.path, "file"))).rejects.toMatchObject({ code: "records.cannot-open" });
  });
});

it("refuses what comes after its end", async () => {
  await using directory = await freshDirectory();
  const records = await openIn(directory.path);
  const last = closed(records, RUN, summary("a"));
  await records.close();
  await last;
  await expect(closed(records, RUN, summary("b"))).rejects.toMatchObject({ code: "records.closed" });
});

it("ends within its deadline though the disk hangs", async () => {
  await using directory = await freshDirectory();
  const journal = await FragileJournal.open(join(directory.path, "journal.ndjson"));
  const clock = { ...systemClock(), sleep: () => Promise.resolve() };
  const records = await openIn(directory.path, { clock, openJournal: () => Promise.resolve(journal) });
  let letGo = (): void => undefined;
  const hangs = new Promise<void>((begun) => {
    journal.after = () => {
      begun();
      return new Promise((resolve) => {
        letGo = resolve;
      });
    };
  });
  const last = closed(records, RUN, summary("a"));
  await hangs;
  await records.close();
  letGo();
  await last;
});
