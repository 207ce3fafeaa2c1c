import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { freshDirectory, openIn } from "./open-in.ts";
import { closed, drain, listeningLog, summary } from "./sessions.ts";

const RUN = "gateway-run-1";

async function journalOf(directory: string, sessionIds: readonly string[]): Promise<string> {
  await using records = await openIn(directory);
  for (const id of sessionIds) await closed(records, RUN, summary(id));
  return join(directory, "journal.ndjson");
}

const flipped = (line: string): string => line.replace("client-closed", "client-clossd");

it.each([
  {
    name: "its last line is torn",
    damage: (lines: string[]) => [...lines.slice(0, -1), lines.at(-1)?.slice(0, 40) ?? ""].join("\n"),
    left: ["boot-1/1 a", "boot-1/2 b", "boot-1/3 next"],
    events: ["records.torn-line-dropped"],
    kept: 0,
  },
  {
    name: "its last line lacks only the newline",
    damage: (lines: string[]) => lines.join("\n"),
    left: ["boot-1/1 a", "boot-1/2 b", "boot-1/3 next"],
    events: ["records.torn-line-dropped"],
    kept: 0,
  },
  {
    name: "zeros stand behind it, as after a crash of some file systems",
    damage: (lines: string[]) => `${lines.join("\n")}\n${"\0".repeat(5_000)}`,
    left: ["boot-1/1 a", "boot-1/2 b", "boot-1/3 c", "boot-1/4 next"],
    events: ["records.torn-line-dropped"],
    kept: 0,
  },
  {
    name: "a bit flipped in a line in the middle",
    damage: (lines: string[]) => `${[lines[0], flipped(lines[1] ?? ""), lines[2]].join("\n")}\n`,
    left: ["boot-1/1 a", "boot-1/3 c", "boot-1/4 next"],
    events: ["records.damaged"],
    kept: 1,
  },
  {
    name: "a bit flipped in its last line: no number is given that may have been told",
    damage: (lines: string[]) => `${[lines[0], lines[1], flipped(lines[2] ?? "")].join("\n")}\n`,
    left: ["boot-1/1 a", "boot-1/2 b", "boot-1/5 next"],
    events: ["records.damaged"],
    kept: 1,
  },
  {
    name: "it holds lines that this version does not know",
    damage: (lines: string[]) => `00000000 {"is":"newer"}\n\nnonsense\n${lines.join("\n")}\n`,
    left: ["boot-1/1 a", "boot-1/2 b", "boot-1/3 c", "boot-1/4 next"],
    events: ["records.damaged"],
    kept: 3,
  },
])("goes on when $name", async ({ damage, left, events, kept }) => {
  await using directory = await freshDirectory();
  const path = await journalOf(directory.path, ["a", "b", "c"]);
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  await writeFile(path, damage(lines));
  const log = listeningLog();
  await using records = await openIn(directory.path, { log });
  expect(log.events).toEqual(events);
  await closed(records, RUN, summary("next"));
  expect(await drain(records)).toEqual(left);
  await records.close();
  const aside = await readFile(join(directory.path, "damaged.ndjson"), "utf8").catch(() => "");
  expect(aside.split("\n").length - 1).toBe(kept);

  const second = listeningLog();
  await using again = await openIn(directory.path, { log: second });
  expect(second.events, "what was repaired stays repaired").toEqual([]);
  expect(again.counts.waiting).toBe(0);
});

it("opens all the same where what is damaged cannot be set aside, and goes on from where it was", async () => {
  await using directory = await freshDirectory();
  const path = await journalOf(directory.path, ["a", "b", "c"]);
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  await writeFile(path, `${[lines[0], flipped(lines[1] ?? ""), lines[2]].join("\n")}\n`);
  // As a disk without room refuses it, also for root.
  await mkdir(join(directory.path, "damaged.ndjson"));
  for (const next of ["next", "after"]) {
    const log = listeningLog();
    await using records = await openIn(directory.path, { log });
    expect(log.events).toEqual(["records.damaged-not-kept"]);
    await closed(records, RUN, summary(next));
  }
  await using records = await openIn(directory.path);
  expect(await drain(records)).toEqual(["boot-1/1 a", "boot-1/3 c", "boot-1/4 next", "boot-1/5 after"]);
  expect(await readFile(path, "utf8")).toContain("clossd");
});

it("removes what a crash left of a journal that was being written anew", async () => {
  await using directory = await freshDirectory();
  const path = await journalOf(directory.path, ["a"]);
  await writeFile(`${path}.new`, "half a jour");
  await using records = await openIn(directory.path);
  expect(await readdir(directory.path)).toEqual(["journal.ndjson"]);
  expect(await drain(records)).toEqual(["boot-1/1 a"]);
});

it("is nobody else's to read", async () => {
  await using directory = await freshDirectory();
  const path = await journalOf(join(directory.path, "records"), ["a"]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory.path, "records"))).mode & 0o777).toBe(0o700);
});
