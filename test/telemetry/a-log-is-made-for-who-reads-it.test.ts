import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { prettyLines } from "../../agent/adapters/telemetry/pretty-line.ts";
import { printable } from "../../agent/adapters/telemetry/printable.ts";
import { AgentError } from "../../agent/core/errors.ts";

const PROCESS_LOG = fileURLToPath(new URL("../../dist/agent/adapters/telemetry/process-log.js", import.meta.url));
const DEADLINE_MS = 20_000;
const COLOUR = "\u001B[";

/** A process that logs a line of each level; `before` runs in it first. */
function speaker(options: object = {}, before = ""): string {
  return `
    import { processLog } from ${JSON.stringify(PROCESS_LOG)};
    import { fstatSync } from "node:fs";
    ${before}
    const log = processLog({ process: "gateway", level: "debug", ...${JSON.stringify(options)} });
    for (const level of ["debug", "info", "warn", "error"]) log[level]({ n: 1 }, "line." + level);
  `;
}

/** What it shows on a terminal of its own. */
function onTerminal(code: string, environment: Readonly<Record<string, string>> = {}): string {
  const command = [process.execPath, "--input-type=module", "-e", '"$CODE"'].join(" ");
  return execFileSync("script", ["-qec", command, "/dev/null"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], TERM: "xterm", SHELL: "/bin/sh", CODE: code, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: DEADLINE_MS,
  });
}

/** What it writes into a pipe. */
function intoPipe(code: string): string {
  const options = { encoding: "utf8", timeout: DEADLINE_MS } as const;
  return execFileSync(process.execPath, ["--input-type=module", "-e", code], options);
}

const PRETTY = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z WARN {2}gateway {2}line\.warn n=1\r?$/m;

describe("by itself", () => {
  it("is for a person on a terminal, with colours", () => {
    const shown = onTerminal(speaker());
    expect(shown).toContain(COLOUR);
    // oxlint-disable-next-line no-control-regex -- a colour begins with ESC
    expect(shown.replace(/\u001B\[\d*m/g, "")).toMatch(PRETTY);
  });

  it.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])("is without colours where they are not wanted: %j", (environment) => {
    const shown = onTerminal(speaker(), environment);
    expect(shown).not.toContain(COLOUR);
    expect(shown).toMatch(PRETTY);
  });

  it("is JSON in a pipe", () => {
    const lines = intoPipe(speaker()).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(
      ["debug", "info", "warn", "error"].map((level) => `line.${level}`),
    );
  });
});

it("is what the configuration says, wherever it goes", () => {
  expect(intoPipe(speaker({ format: "pretty" }))).toMatch(PRETTY);
  expect(
    onTerminal(speaker({ format: "json" }))
      .trim()
      .split("\n")[0],
  ).toMatch(/^\{.*"event":"line\.debug".*\}\r?$/);
});

describe("for a person", () => {
  const pretty = (data: object, colours = false): string =>
    prettyLines("control", colours)({ level: "warn", event: "it.happened", data: printable(data) as never });

  it("tells an error in its sentence and each cause, one a line, below what happened", () => {
    const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const err = new AgentError("control-plane.unavailable", "Nobody answers", { retryable: true, cause });
    expect(pretty({ err, retryInMs: 5 }).split("\n").slice(0, -1)).toEqual([
      expect.stringMatching(/ WARN  control  it\.happened retryInMs=5$/),
      "    error: Nobody answers (control-plane.unavailable)",
      "    cause: connect ECONNREFUSED (ECONNREFUSED)",
    ]);
  });

  it("shows lines as lines, and text with spaces in quotes", () => {
    const shown = pretty({ lastLines: ["no space left", "bye"], because: "so it is", ids: ["a", "b"] });
    expect(shown).toMatch(/because="so it is" ids=\["a","b"\]\n {4}lastLines: no space left\n {4}lastLines: bye\n$/);
  });

  it.each([{ message: "x", causes: 1 }, { message: "x", causes: [null] }, { message: "x", stack: "at y" }, "x", null])(
    "shows what is no error of ours as it is: %j",
    (err) => {
      const line = prettyLines("control", false)({ level: "warn", event: "it.happened", data: { err } });
      expect(line.trimEnd().endsWith(`err=${typeof err === "string" ? err : JSON.stringify(err)}`)).toBe(true);
    },
  );

  it.each(["\u001B[2J", "a\nb", "\u0007", "\u009B31m", "\u202Eevil"])(
    "lets no stranger move the cursor or turn the text: %j",
    (text) => {
      const shown = pretty({ peer: text, [text]: 1, err: new Error(text), lines: [`${text} x`] });
      for (const character of text.replace(/[ -~]/g, "")) expect(shown.replaceAll("\n", "")).not.toContain(character);
      expect(shown.trim().split("\n")).toHaveLength(3);
    },
  );
});

describe("for journald", () => {
  const PREFIXES = ["<7>", "<5>", "<4>", "<3>"];
  const OURS = "const { dev, ino } = fstatSync(1, { bigint: true }); process.env.JOURNAL_STREAM = `${dev}:${ino}`;";

  /** Its standard output is a unix socket, as journald's is. */
  async function intoSocket(code: string): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), "journal-"));
    const journald = createServer().listen(join(folder, "stdout"));
    try {
      await once(journald, "listening");
      const accepted = once(journald, "connection") as Promise<[Socket]>;
      const connect = `
        const { connect } = await import("node:net");
        const { spawn } = await import("node:child_process");
        const socket = connect(${JSON.stringify(join(folder, "stdout"))});
        await new Promise((resolve) => socket.once("connect", resolve));
        const child = spawn(process.execPath, ["--input-type=module", "-e", process.env.CODE], {
          stdio: ["ignore", socket._handle, "inherit"],
        });
        child.once("exit", (code) => process.exit(code));
      `;
      const child = spawn(process.execPath, ["--input-type=module", "-e", connect], {
        env: { ...process.env, CODE: code },
        stdio: ["ignore", "inherit", "inherit"],
        timeout: DEADLINE_MS,
      });
      const [[socket]] = await Promise.all([accepted, once(child, "exit")]);
      return await text(socket);
    } finally {
      journald.close();
      rmSync(folder, { recursive: true });
    }
  }

  it("begins each line with its priority", async () => {
    const lines = (await intoSocket(speaker({}, OURS))).trim().split("\n");
    expect(lines.map((line) => line.slice(0, 3))).toEqual(PREFIXES);
    for (const line of lines) expect(JSON.parse(line.slice(3))).toMatchObject({ process: "gateway" });
  });

  it("begins each line of what is pretty with it, too", () => {
    const lines = intoPipe(speaker({ format: "pretty" }, OURS))
      .trim()
      .split("\n");
    expect(lines.map((line) => line.slice(0, 3))).toEqual(PREFIXES);
  });

  it.each([
    { name: "it reads another descriptor", before: 'process.env.JOURNAL_STREAM = "8:1";' },
    { name: "nobody says that it reads", before: "delete process.env.JOURNAL_STREAM;" },
    { name: "what it should read is not to be understood", before: 'process.env.JOURNAL_STREAM = "";' },
  ])("says no priority where $name", ({ before }) => {
    expect(intoPipe(speaker({}, before))).toMatch(/^\{/);
  });
});
