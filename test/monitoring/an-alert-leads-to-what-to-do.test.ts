import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CHECKS } from "../../agent/core/checks/register.ts";
import { documents } from "../../tools/image/deb/documents.mjs";
import { inTree } from "../../tools/setup/tree.mjs";
import { alerts, panels, RULES, RUNBOOK, sections } from "./documents.ts";

const CHECK_NAMES = CHECKS.map(({ name }) => name);
/** What a label in an address can stand for. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  check: CHECK_NAMES,
  certificate: ["machine", "serving"],
};

const TEXT = readFileSync(inTree(RUNBOOK), "utf8");
const CLI = inTree("dist/agent/cli/main.js");

function promtool(...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr, error } = spawnSync("promtool", args, { cwd: inTree(), encoding: "utf8" });
  if (error !== undefined) throw error;
  return { status, said: stdout + stderr };
}

/** Every address that this one can become. */
function addresses(url: string): readonly string[] {
  const [template, label = ""] = /\{\{ \$labels\.(\w+) \}\}/.exec(url) ?? [];
  if (template === undefined) return [url];
  return (VALUES[label] ?? [`no value of ${label} is known`]).map((value) => url.replace(template, value));
}

const anchorOf = (url: string): string => url.slice(url.indexOf("#") + 1);

it("is written as Prometheus reads it, one severity each", () => {
  const { status, said } = promtool("check", "rules", RULES);
  expect(said).toContain(`${alerts().length} rules found`);
  expect(status).toBe(0);
  expect(alerts().map(({ severity }) => severity)).toEqual(
    alerts().map(() => expect.stringMatching(/^(critical|warning|info)$/) as string),
  );
});

it("fires when it must, and is quiet when it must be", () => {
  const { status, said } = promtool("test", "rules", "test/monitoring/alerts.yml");
  expect(said).toContain("SUCCESS");
  expect(status).toBe(0);
});

it.each(alerts())("$where says what is wrong, what follows, and names a section of the runbook", (alert) => {
  expect(alert.summary).toContain("{{ $labels.instance }}");
  expect(alert.description.length).toBeGreaterThan(40);
  for (const url of addresses(alert.runbookUrl)) {
    expect(url).toMatch(new RegExp(`^file:///${documents[RUNBOOK]}#`));
    expect([...sections().keys()]).toContain(anchorOf(url));
  }
});

it.each(CHECK_NAMES)("the check %s has its section", (name) => {
  expect([...sections().keys()]).toContain(name);
});

it("every section of the runbook is a check's or an alert's", () => {
  const owned = [...CHECK_NAMES, ...alerts().flatMap(({ runbookUrl }) => addresses(runbookUrl).map(anchorOf))];
  expect([...sections().keys()].filter((anchor) => !owned.includes(anchor))).toEqual([]);
});

it.each([...sections()])("the section %s says what it means, what follows, how to look and how to mend", (_, text) => {
  const parts = [...text.matchAll(/^\*\*(\w+)\.\*\*/gm)].map(([, part]) => part);
  expect(parts).toEqual(["Means", "Builds", "Look", "Mend"]);
  expect(text).toMatch(/\*\*Look\.\*\*\n\n( {4}\S.*\n)+/);
  for (const [, anchor = ""] of text.matchAll(/\]\(#([\w-]+)\)/g)) expect([...sections().keys()]).toContain(anchor);
});

it("names only units and paths of health that there are", () => {
  const units = readdirSync(inTree("systemd/system"));
  const others = ["systemd-journald.service"];
  const named = [...TEXT.matchAll(/[\w@-]+(?:\*)?\.(?:service|socket|target|slice)\b/g)].map(([unit]) =>
    unit.replace("*", ""),
  );
  expect(named.filter((unit) => ![...units, ...others].includes(unit))).toEqual([]);
  const checks = [...TEXT.matchAll(/\/readyz\/([\w-]+)/g)].map(([, name]) => name);
  expect(checks.filter((name) => !CHECK_NAMES.some((one) => one === name))).toEqual([]);
});

it("names only commands and options of ours that there are", () => {
  const lines = [...TEXT.matchAll(/builder-agent ((?:[a-z]+ ?){1,2})((?:--[a-z-]+ ?(?:\w+ ?)?)*)/g)];
  const options = new Map<string, Set<string>>();
  for (const [, words = "", rest = ""] of lines) {
    const known = options.get(words.trim()) ?? new Set();
    for (const [option] of rest.matchAll(/--[a-z-]+/g)) known.add(option);
    options.set(words.trim(), known);
  }
  expect(options.size).toBeGreaterThan(5);
  for (const [words, named] of options) {
    const { status, stdout } = spawnSync(process.execPath, [CLI, ...words.split(" "), "--help"], { encoding: "utf8" });
    expect({ words, status, usage: stdout.split("\n")[0] }).toEqual({
      words,
      status: 0,
      usage: expect.stringContaining(`builder-agent ${words} `) as string,
    });
    expect([...named].filter((option) => !stdout.includes(`${option} `))).toEqual([]);
  }
});

it("looks only for events that the log has", () => {
  const events = readFileSync(inTree("docs/events.md"), "utf8");
  const known = [...events.matchAll(/^\| `([\w.-]+)` \|/gm)].map(([, event = ""]) => event);
  const sought = [...TEXT.matchAll(/builder-agent logs .* \| grep (?:-E )?'(.*)'$/gm)].map(([, words = ""]) => words);
  expect(sought.length).toBeGreaterThan(5);
  expect(sought.filter((words) => !known.some((event) => new RegExp(`^(?:${words})`).test(event)))).toEqual([]);
  const single = sought.flatMap((words) => words.split("|")).filter((words) => /^[\w-]+\.[\w-]+$/.test(words));
  expect(single.filter((event) => !known.includes(event))).toEqual([]);
});

it("has a dashboard whose every panel answers a question, and none lies on another", () => {
  const taken = new Set<string>();
  for (const { title, description, gridPos, targets } of panels()) {
    expect(title).toMatch(/^[A-Z].*\?$/);
    expect(description).not.toBe("");
    expect(targets.length).toBeGreaterThan(0);
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      const cell = `${x}/${gridPos.y}`;
      expect(taken).not.toContain(cell);
      taken.add(cell);
    }
  }
  expect(new Set(panels().map(({ id }) => id)).size).toBe(panels().length);
  expect(new Set(panels().map(({ title }) => title)).size).toBe(panels().length);
});

it("asks Prometheus nothing that it does not understand", () => {
  const expressions = panels().flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const rules = expressions.map((expr, at) => ({ record: `panel:query:${at}`, expr }));
  const folder = mkdtempSync(join(tmpdir(), "panels-"));
  try {
    const file = join(folder, "panels.yml");
    // JSON is YAML, too.
    writeFileSync(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
    const { status, said } = promtool("check", "rules", file);
    expect(said).toContain(`${expressions.length} rules found`);
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
