import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { RECORD_LIMITS } from "../../agent/adapters/records/record-limits.ts";
import { freshDirectory, openIn } from "./open-in.ts";
import { closed, drain, listeningLog, opened, opening, settle, summary } from "./sessions.ts";

const RUN = "gateway-run-1";

/** As a newer release writes it: with a checksum. */
function sound(content: unknown): string {
  const json = typeof content === "string" ? content : JSON.stringify(content);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}`;
}

async function journalOf(directory: string, lines: readonly string[]): Promise<string> {
  const path = join(directory, "journal.ndjson");
  await writeFile(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}

describe("a journal of a newer release", () => {
  const resumed = sound({ is: "resumed", bootId: "boot-1", next: 4, sessionId: "r", how: ["new", "words"] });
  const notEvenJson = sound("so new that it is no JSON");

  it("keeps its unknown lines, byte for byte, in their order, over restarts and when it is written anew", async () => {
    await using directory = await freshDirectory();
    const path = await journalOf(directory.path, [
      resumed,
      sound({ is: "closed", bootId: "boot-1", next: 5, summary: summary("a") }),
      notEvenJson,
    ]);
    const log = listeningLog();
    const options = { log, limits: { ...RECORD_LIMITS, leastGarbageBytes: 0 } };
    {
      await using records = await openIn(directory.path, options);
      for (let at = 0; at < 5; at += 1) {
        await closed(records, RUN, summary(`more-${at}`));
        records.pending(9);
        records.acknowledge("boot-1", 99n);
      }
    }
    await using records = await openIn(directory.path, options);
    await closed(records, RUN, summary("last"));
    expect(await drain(records)).toEqual(["boot-1/10 last"]);
    await records.close();
    const lines = (await readFile(path, "utf8")).split("\n");
    expect(lines.filter((line) => line === resumed || line === notEvenJson)).toEqual([resumed, notEvenJson]);
    expect(lines.length, "it was written anew").toBeLessThan(12);
    expect(log.events).toEqual(["records.newer-lines-kept", "records.newer-lines-kept"]);
  });

  it("has its numbers kept: none that an unknown line took is given again", async () => {
    await using directory = await freshDirectory();
    await journalOf(directory.path, [resumed]);
    await using records = await openIn(directory.path);
    await closed(records, RUN, summary("a"));
    expect(await drain(records)).toEqual(["boot-1/4 a"]);
  });

  it.each([
    {
      name: "an ending that is not known",
      change: { ending: "host-migrated", detail: "to h2" },
      sent: { ending: "other", detail: "host-migrated: to h2" },
    },
    {
      name: "an ending that is not known, and no detail",
      change: { ending: "host-migrated", detail: "" },
      sent: { ending: "other", detail: "host-migrated" },
    },
    { name: "fields that are not known", change: { region: "eu", weight: { of: 3 } }, sent: {} },
    { name: "a field that is said otherwise", change: { peer: { address: "::1", port: 7 } }, sent: { peer: "" } },
    { name: "a field that is left out", change: { bytesToClient: undefined }, sent: { bytesToClient: 0 } },
  ])("has its records sent as far as they are understood: $name", async ({ change, sent }) => {
    await using directory = await freshDirectory();
    const newer = sound({ is: "closed", bootId: "boot-1", next: 2, summary: { ...summary("a"), ...change } });
    const path = await journalOf(directory.path, [newer]);
    await using records = await openIn(directory.path);
    expect(records.pending(9)).toEqual({
      bootId: "boot-1",
      records: [{ sequence: 1n, summary: { ...summary("a"), ...sent } }],
    });
    expect(await readFile(path, "utf8"), "the newer release finds it as it was").toContain(newer);
  });

  it("has its open sessions settled like any other", async () => {
    await using directory = await freshDirectory();
    await journalOf(directory.path, [
      sound({ is: "opened", bootId: "boot-1", next: 1, runId: RUN, opening: { ...opening("a"), region: "eu" } }),
    ]);
    await using records = await openIn(directory.path);
    await settle(records, "gateway-run-2", []);
    expect(records.pending(9)?.records[0]?.summary).toMatchObject({ sessionId: "a", ending: "gateway-lost" });
  });

  it("is set aside where it is damaged, though the rest is not understood either", async () => {
    await using directory = await freshDirectory();
    const path = await journalOf(directory.path, [resumed, resumed.replace("words", "wards"), notEvenJson]);
    const log = listeningLog();
    await using records = await openIn(directory.path, { log });
    await opened(records, RUN, opening("a"));
    expect(log.events).toEqual(["records.newer-lines-kept", "records.damaged"]);
    expect(await readFile(join(directory.path, "damaged.ndjson"), "utf8")).toContain("wards");
    const kept = await readFile(path, "utf8");
    expect(kept).toContain(resumed);
    expect(kept).toContain(notEvenJson);
    expect(kept).not.toContain("wards");
  });

  it("cannot fill the disk: what exceeds 4 MiB of it is set aside", async () => {
    await using directory = await freshDirectory();
    const long = (at: number): string => sound({ is: "novel", at, text: "x".repeat(900_000) });
    const path = await journalOf(directory.path, [1, 2, 3, 4, 5, 6].map(long));
    const log = listeningLog();
    await using records = await openIn(directory.path, { log });
    expect(log.events).toEqual(["records.newer-lines-kept", "records.damaged"]);
    expect(records.counts.waiting).toBe(0);
    expect((await readFile(path, "utf8")).split("\n").filter((line) => line.includes("novel"))).toHaveLength(4);
  });
});
