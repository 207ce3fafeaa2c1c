import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { EVENT_GROUPS, type EventGroup } from "../../agent/core/events/index.ts";
import type { Log } from "../../agent/ports/log.ts";
import { eventsPage } from "../../tools/docs/events.mjs";
import { CollectedLog } from "../keys/collected-log.ts";

const groups: readonly EventGroup[] = EVENT_GROUPS;
const names = groups.flatMap(({ events }) => Object.keys(events));

it("keeps docs/events.md current: npm run gen:docs writes it", async () => {
  expect(await readFile(new URL("../../docs/events.md", import.meta.url), "utf8")).toBe(eventsPage(groups));
});

it("tells of each event once, under one name", () => {
  expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  for (const name of names) expect(name).toMatch(/^[a-z-]+\.[a-z-]+$/);
});

it("tells of no event that nobody logs", async () => {
  const folder = fileURLToPath(new URL("../../agent/", import.meta.url));
  const files = (await readdir(folder, { recursive: true })).filter(
    (file) => file.endsWith(".ts") && !file.startsWith(join("core", "events")),
  );
  const code = (await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")))).join("\n");
  expect(names.filter((name) => !code.includes(`"${name}"`))).toEqual([]);
});

it("takes no event that is not declared, at no other level, and with no other data: that does not compile", () => {
  const collected = new CollectedLog();
  const log: Log = collected;
  // @ts-expect-error -- nobody has declared it
  log.info({}, "agent.redy");
  // @ts-expect-error -- it is no warning
  log.warn({ reason: "x" }, "agent.stopping");
  // @ts-expect-error -- it has a reason
  log.info({}, "agent.stopping");
  // @ts-expect-error -- it has nothing else
  log.info({ reason: "x", more: 1 }, "agent.stopping");
  log.info({ reason: "x" }, "agent.stopping");
  expect(collected.lines).toHaveLength(5);
});

describe.each(groups.map((group) => [group.about, group] as const))("%s", (_, { by, events }) => {
  it.each(Object.entries(events))("%s says in one sentence what happened, and at which level", (_name, facts) => {
    expect(facts.says).toMatch(/^[A-Za-z].*\.$/);
    expect(facts.says).not.toMatch(/\. |\|/);
    expect(facts.at.length).toBeGreaterThan(0);
    expect(by.length).toBeGreaterThan(0);
  });
});
