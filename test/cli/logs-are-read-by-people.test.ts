import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { journalLines } from "../../agent/adapters/logs/journal.ts";
import { launcherLog } from "../../agent/adapters/logs/launcher-log.ts";
import { fileLines } from "../../agent/adapters/logs/log-file.ts";
import type { RawLine } from "../../agent/core/log-entry.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { AgentProcess } from "./agent-process.ts";
import { runCli } from "./recorded-cli.ts";

const NEVER = new AbortController().signal;
const NOW = "2026-11-29T12:00:00.000Z";
const ours = (level: string, event: string, data: object = {}, process = "control"): string =>
  JSON.stringify({ level, time: NOW, process, pid: 7, ...data, event });

const LOG = [
  ours("info", "session.opened", { buildId: "b-1", peer: "192.0.2.1:5" }, "gateway"),
  ours("warn", "control-plane.detached", {
    retryInMs: 40,
    err: {
      name: "PlaneError",
      message: "no answer",
      code: "plane.x",
      causes: [{ name: "E", message: "ECONNREFUSED" }],
    },
  }),
  ours("error", "cache.lost", { buildId: "b-10", why: "a \u001B[31mred\u001B[0m word" }),
  'time="2026" level=error msg="oh \u001B]0;title\u0007no" b-1',
  "a plain line",
  "",
].join("\n");

let dir: TempDir;
let file: string;
beforeEach(async () => {
  dir = await TempDir.make("/tmp/logs-");
  file = join(dir.path, "agent.log");
  await writeFile(file, LOG);
});
afterEach(() => dir[Symbol.asyncDispose]());

const logs = (...argv: string[]) => runCli(["logs", "--file", file, "--paths-runtime-dir", dir.path, ...argv]);

it("shows each line with its time, level, writer and data, an error's causes below, and nothing that steers a terminal", async () => {
  const { code, out, err } = await logs();
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toBe(`\
2026-11-29 12:00:00.000Z INFO  gateway  session.opened buildId=b-1 peer=192.0.2.1:5
2026-11-29 12:00:00.000Z WARN  control  control-plane.detached retryInMs=40
    error: no answer (plane.x)
    cause: ECONNREFUSED
2026-11-29 12:00:00.000Z ERROR control  cache.lost buildId=b-10 why="a \\u001b[31mred\\u001b[0m word"
                         ERROR          time="2026" level=error msg="oh \\u001b]0;title\\u0007no" b-1
                         INFO           a plain line
`);
});

it.each([
  { argv: ["--level", "warn"], shown: ["control-plane.detached", "cache.lost", "title"] },
  { argv: ["--level", "error"], shown: ["cache.lost", "title"] },
  { argv: ["--build", "b-1"], shown: ["session.opened", "title"] },
  { argv: ["--build", "b-10"], shown: ["cache.lost"] },
  { argv: ["--build", "b"], shown: [] },
  { argv: ["--unit", "gateway"], shown: ["session.opened"] },
  { argv: ["--lines", "2"], shown: ["title", "a plain line"] },
])("picks out with $argv", async ({ argv, shown }) => {
  const { out } = await logs(...argv);
  const lines = out
    .split("\n")
    .slice(0, -1)
    .filter((line) => !/^ {4}(error|cause): /.test(line));
  expect(lines).toHaveLength(shown.length);
  for (const [index, word] of shown.entries()) expect(lines[index]).toContain(word);
});

it("gives programs a document a line", async () => {
  const { out } = await logs("--json", "--unit", "gateway");
  expect(JSON.parse(out)).toEqual({
    schemaVersion: 1,
    atMs: Date.parse(NOW),
    level: "info",
    by: "gateway",
    event: "session.opened",
    data: { buildId: "b-1", peer: "192.0.2.1:5" },
  });
});

it.each([
  { argv: ["--level", "loud"], err: /Allowed choices are debug, info, warn, error/ },
  { argv: ["--since", "yesterday"], err: /A time with its unit is wanted/ },
  { argv: ["--lines", "0"], err: /A whole number from 1 is wanted/ },
  { argv: ["--unit", "sshd"], err: /Allowed choices are control, gateway, buildkit/ },
])("refuses $argv", async ({ argv, err }) => {
  expect(await logs(...argv)).toMatchObject({ code: 64, err: expect.stringMatching(err) as unknown });
});

it("says where a log can be where there is none, and that a file cannot be read", async () => {
  const { code, err } = await runCli(["logs", "--file", join(dir.path, "nope")]);
  expect(code).toBe(69);
  expect(err).toMatch(/The log .*nope cannot be read\n {2}because: ENOENT/);
});

it("follows a file as it grows, a line once it is whole, and from the beginning when it was cut", async () => {
  const over = new AbortController();
  const lines: string[] = [];
  const reading = (async () => {
    for await (const { text } of fileLines(file, true, over.signal)) {
      lines.push(text);
      if (text === "a plain line") await appendFile(file, "half");
      if (text === "half a line") await writeFile(file, "anew\n");
      if (text === "anew") over.abort();
    }
  })();
  setTimeout(() => void appendFile(file, " a line\n"), 700);
  await reading;
  expect(lines.slice(-2)).toEqual(["half a line", "anew"]);
});

it.each([
  { where: "here", within: [] },
  // As a sandbox's machine has one.
  { where: "in a network of its own", within: ["unshare", "--net", "--"] },
])("finds the file that the process which holds a socket writes to, $where", async ({ where, within }) => {
  if (within.length > 0 && process.getuid?.() !== 0) return;
  const socket = join(dir.path, `manager-${where.length}.sock`);
  const script = `import { createServer } from "node:net";
    createServer().listen(${JSON.stringify(socket)}, () => console.error("listening"));`;
  const fd = openSync(file, "a");
  const line = [...within, process.execPath, "--input-type=module", "--eval", script];
  const child = spawn(line[0] ?? "", line.slice(1), { stdio: ["ignore", fd, "pipe"] });
  try {
    closeSync(fd);
    if (child.stderr !== null) await once(child.stderr, "data");
    expect(await launcherLog(socket)).toBe(file);
    expect(await launcherLog(`${socket}.other`)).toBeUndefined();
  } finally {
    child.kill("SIGKILL");
    await once(child, "close");
  }
});

it("ends well when nobody reads any more", async () => {
  await using reader = AgentProcess.start(["logs", "--follow", "--file", file]);
  const { stdout } = reader.child;
  await new Promise((resolve) => stdout?.once("data", resolve));
  stdout?.destroy();
  await appendFile(file, "a line\n".repeat(20_000));
  expect((await reader.ended).code).toBe(0);
});

describe("the journal", () => {
  /** A journalctl that says what the test wants, and what it was asked. */
  const standIn = async (script: string): Promise<string> => {
    await writeFile(join(dir.path, "journalctl"), `#!/bin/sh\nprintf '%s\\n' "$@" > ${dir.path}/asked\n${script}\n`, {
      mode: 0o755,
    });
    return `${dir.path}:/usr/bin:/bin`;
  };
  const read = async (question: Partial<Parameters<typeof journalLines>[0]>, complaints: string[] = []) => {
    const lines: RawLine[] = [];
    const whole = { units: ["a.service"], follow: false, path: "", ...question };
    for await (const line of journalLines(whole, (text) => complaints.push(text), NEVER)) lines.push(line);
    return lines;
  };

  it("is asked for its units without a shell, and each line keeps its unit, time and priority", async () => {
    const entry = {
      MESSAGE: "hello",
      PRIORITY: "4",
      _SYSTEMD_UNIT: "a.service",
      __REALTIME_TIMESTAMP: "1700000000123456",
    };
    const bytes = { MESSAGE: [104, 105], _SYSTEMD_UNIT: "init.scope", UNIT: "b.service" };
    const path = await standIn(
      `echo '${JSON.stringify(entry)}'; echo '${JSON.stringify(bytes)}'; echo '{"MESSAGE":null}'`,
    );
    expect(await read({ path, units: ["a.service", "b $(x)"], sinceMs: 1_700_000_000_999 })).toEqual([
      { text: "hello", unit: "a.service", atMs: 1_700_000_000_123, priority: 4 },
      { text: "hi", unit: "b.service" },
    ]);
    const asked = (await readFile(join(dir.path, "asked"), "utf8")).trim().split("\n");
    expect(asked).toContain("--unit=b $(x)");
    expect(asked).toContain("--since=@1700000000");
    expect(asked).not.toContain("--boot");
  });

  it("passes on what journalctl has to say of itself", async () => {
    const complaints: string[] = [];
    await read({ path: await standIn("echo 'Hint: you see not all' >&2") }, complaints);
    expect(complaints).toEqual(["Hint: you see not all"]);
  });

  it.each([
    {
      of: "fails",
      script: "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1",
      says: /insufficient permissions/,
    },
    { of: "is not there", script: undefined, says: /cannot be started: is systemd on this machine/ },
  ])("is an error in plain words where journalctl $of", async ({ script, says }) => {
    const path = script === undefined ? dir.path : await standIn(script);
    await expect(read({ path })).rejects.toMatchObject({
      code: "logs.no-journal",
      message: expect.stringMatching(says) as unknown,
    });
  });
});
