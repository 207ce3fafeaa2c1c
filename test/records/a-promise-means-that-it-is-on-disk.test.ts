import { execFileSync } from "node:child_process";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AgentError } from "../../agent/core/errors.ts";
import { FragileJournal } from "./fragile-journal.ts";
import { freshDirectory, openIn } from "./open-in.ts";
import { drain, opening, summary } from "./sessions.ts";

const RUN = "gateway-run-1";

async function fragile(directory: string) {
  const journal = await FragileJournal.open(join(directory, "journal.ndjson"));
  return { journal, records: await openIn(directory, { openJournal: () => Promise.resolve(journal) }) };
}

describe("a record that is on its way to the disk", () => {
  it("shares one sync with all that come at the same time", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    await Promise.all(Array.from({ length: 300 }, (_, at) => records.closed(RUN, summary(`session-${at}`))));
    expect(journal.appends).toBe(1);
    expect(records.counts).toEqual({ waiting: 300, dropped: 0 });
    await records.close();
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
    const closed = records.closed(RUN, summary("a")).finally(() => {
      promised = true;
    });
    await asked;
    expect(records.pending(1)).toBeUndefined();
    expect(promised).toBe(false);
    letGo();
    await closed;
    expect(records.pending(1)?.records).toHaveLength(1);
    await records.close();
  });
});

describe("a disk that refuses", () => {
  it("refuses everything that it was asked for at once, takes no number, and takes it when asked again", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    await records.opened(RUN, opening("a"));
    journal.before = () => Promise.reject(new AgentError("records.cannot-write", "no space", { retryable: true }));
    const asked = await Promise.allSettled([
      records.closed(RUN, summary("a")),
      records.opened(RUN, opening("b")),
      records.settle("gateway-run-2", new Set()),
    ]);
    expect(asked.map((one) => one.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(records.counts.waiting).toBe(0);
    journal.before = () => Promise.resolve();
    await records.closed(RUN, summary("c"));
    await records.closed(RUN, summary("a"));
    await records.opened(RUN, opening("b"));
    await records.settle("gateway-run-2", new Set());
    expect(await drain(records)).toEqual(["boot-1/1 c", "boot-1/2 a", "boot-1/3 b"]);
    await records.close();
  });

  it("does not make the control plane's acknowledgement void", async () => {
    await using directory = await freshDirectory();
    const { journal, records } = await fragile(directory.path);
    await Promise.all(["a", "b"].map((id) => records.closed(RUN, summary(id))));
    journal.before = () => Promise.reject(new Error("no space"));
    await records.acknowledge("boot-1", 1n);
    expect(records.pending(10)?.records.map((record) => record.sequence)).toEqual([2n]);
    journal.before = () => Promise.resolve();
    await records.closed(RUN, summary("c"));
    expect(records.pending(10)?.records.map((record) => record.sequence)).toEqual([2n, 3n]);
    await records.close();
  });

  afterEach(() => vi.restoreAllMocks());

  it("is not believed after a failed sync: the journal is written anew", async () => {
    await using directory = await freshDirectory();
    await using records = await openIn(directory.path);
    await records.closed(RUN, summary("a"));
    const probe = await open(join(directory.path, "probe"), "w");
    const before = (await readFile(join(directory.path, "journal.ndjson"))).byteLength;
    const datasync = vi.spyOn(Object.getPrototypeOf(probe), "datasync");
    await probe.close();
    datasync.mockRejectedValueOnce(Object.assign(new Error("i/o error"), { code: "EIO" }));
    await expect(records.closed(RUN, summary("b"))).rejects.toMatchObject({
      code: "records.cannot-write",
      retryable: true,
      cause: { code: "EIO" },
    });
    expect((await readFile(join(directory.path, "journal.ndjson"))).byteLength).toBeGreaterThan(before);
    await records.closed(RUN, summary("c"));
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
      await records.closed(RUN, summary("a"));
      const ballast = join(directory.path, "ballast");
      await writeFile(ballast, Buffer.alloc(1024 * 1024)).catch(() => undefined);
      const many = Array.from({ length: 20 }, (_, at) => summary(`session-${at}`));
      const refused = await Promise.allSettled(many.map((one) => records.closed(RUN, one)));
      expect(refused.map((one) => one.status)).toEqual(many.map(() => "rejected"));
      expect(refused[0]).toMatchObject({ reason: { code: "records.cannot-write", cause: { code: "ENOSPC" } } });
      expect(refused[0]).toMatchObject({ reason: { message: expect.stringContaining("No space left") as string } });
      expect(records.pending(10)?.records).toHaveLength(1);
      await rm(ballast);
      await Promise.all(many.map((one) => records.closed(RUN, one)));
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
  const last = records.closed(RUN, summary("a"));
  await records.close();
  await last;
  await expect(records.closed(RUN, summary("b"))).rejects.toMatchObject({ code: "records.closed" });
});
