import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { launcherLog } from "../../agent/adapters/bundle/collectors/launcher-log.ts";
import { NODE_FLAGS } from "../../agent/cli/node-flags.ts";
import { inWords } from "../../agent/core/errors.ts";
import { bundle, places, standIn, writeConfig } from "./bundle-command.ts";
import { folderOfOwn, unpacked } from "./unpacked.ts";

/** Entries as journalctl prints them with --reverse: the newest first. */
function entries(count: number, fields: (at: number) => object): string {
  return Array.from({ length: count }, (_, at) =>
    JSON.stringify({
      __REALTIME_TIMESTAMP: String((2_000_000_000 - at) * 1e6),
      PRIORITY: "4",
      _PID: "7",
      ...fields(at),
    }),
  ).join("\n");
}

async function prints(text: string): Promise<string> {
  return `process.stdout.write(${JSON.stringify(`${text}\n`)});`;
}

it("the journal's entries are in order, each a line that a person reads, whatever they are made of", async () => {
  await using folder = await folderOfOwn();
  await using programs = await folderOfOwn();
  await writeConfig(folder);
  const told = [
    { MESSAGE: "newest", _SYSTEMD_UNIT: "builder-agent-control.service" },
    { MESSAGE: [0xc3, 0xbc, 0x20, 0x1b, 0x5b], SYSLOG_IDENTIFIER: "tool" },
    { MESSAGE: "oldest", UNIT: "buildkitd.service", _SYSTEMD_UNIT: "init.scope" },
  ];
  await standIn(programs, "journalctl", await prints(`${entries(3, (at) => told[at] ?? {})}\nno json`));
  const { code, out } = await bundle(programs, [...places(folder), "--output", join(folder.path, "b.tar.gz")]);
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining("BUG-") as string });
  const files = await unpacked(join(folder.path, "b.tar.gz"), folder.path);
  expect(files.get("logs/journal/9999.log")?.split("\n")).toEqual([
    "(an entry that is too long, or not understood, was left out)",
    "2033-05-18T03:33:18.000Z buildkitd.service[7] <4> oldest",
    `2033-05-18T03:33:19.000Z tool[7] <4> ${Buffer.from("ü \x1b[").toString("latin1")}`,
    "2033-05-18T03:33:20.000Z builder-agent-control.service[7] <4> newest",
    "",
  ]);
});

/** BUILDER_AGENT_BUNDLE_MIB: how much the journal prints; 1024 is the bar's. */
const MIB = Number(process.env["BUILDER_AGENT_BUNDLE_MIB"] ?? 192);

it.each([
  { who: "the package's command", flags: NODE_FLAGS.command },
  { who: "control", flags: NODE_FLAGS.control },
  { who: "a command of a plain Node", flags: [] },
])(
  `${MIB} MiB of logs cost $who less than 50 MB of memory, and the newest of them are there`,
  {
    timeout: 300_000,
  },
  async ({ flags }) => {
    await using folder = await folderOfOwn();
    await using programs = await folderOfOwn();
    await writeConfig(folder);
    const args = [...places(folder), "--log-mib", String(MIB), "--output"];
    await standIn(programs, "journalctl", "");
    const quiet = await bundle(programs, [...args, join(folder.path, "quiet.tar.gz")], {}, flags);
    await standIn(
      programs,
      "journalctl",
      `const line = (at) => JSON.stringify({ __REALTIME_TIMESTAMP: String(2e15 - at), _SYSTEMD_UNIT: "u", _PID: "7", MESSAGE: "entry " + at + " password=hunter" + at + " " + "words of a log ".repeat(16) }) + "\\n";
     let at = 0;
     const left = () => at < ${MIB * 4096};
     const more = () => { while (left()) { let text = ""; for (let i = 0; i < 256; i += 1) text += line(at++); if (!process.stdout.write(text)) return process.stdout.once("drain", more); } };
     process.stdout.on("error", () => process.exit(1));
     more();`,
    );
    const full = await bundle(programs, [...args, join(folder.path, "full.tar.gz")], {}, flags);
    expect([quiet.code, full.code]).toEqual([0, 0]);
    expect(full.tookMs).toBeLessThan(30_000);
    expect((full.peakKib - quiet.peakKib) / 1024).toBeLessThan(50);
    const files = await unpacked(join(folder.path, "full.tar.gz"), folder.path);
    expect(files.get("logs/journal/9999.log")).toMatch(/entry 0 password=\[redacted: named-value\] words[^\n]+\n$/);
    const logs = [...files].filter(([name]) => name.startsWith("logs/journal/"));
    // As many as 5 s were enough for.
    expect(logs.length).toBeGreaterThan(4);
    for (const [, text] of logs) expect(text).not.toContain("hunter");
  },
);

describe("the launcher's log", () => {
  async function pieces(
    text: string,
    maxBytes: number,
  ): Promise<{ readonly text: string; readonly count: number; readonly lack: string }> {
    await using folder = await folderOfOwn();
    const file = join(folder.path, "log");
    await writeFile(file, text);
    const found = new Map<string, string>();
    let lack = "";
    try {
      for await (const { name, bytes } of launcherLog(async () => file, maxBytes).collect(new AbortController().signal))
        found.set(name, Buffer.from(bytes).toString("latin1"));
    } catch (failure) {
      lack = inWords(failure);
    }
    return {
      text: [...found]
        .toSorted(([a], [b]) => a.localeCompare(b))
        .map(([, piece]) => piece)
        .join(""),
      count: found.size,
      lack,
    };
  }
  const lines = Array.from({ length: 40_000 }, (_, at) => `line ${at} of a log that goes on and on\n`).join("");

  it("is there whole and in order where it fits", async () => {
    const { text, count, lack } = await pieces(`${lines}half a line`, 64 * 1024 * 1024);
    expect(text === `${lines}half a line`).toBe(true);
    expect(count).toBeGreaterThan(2);
    expect(lack).toBe("");
  });

  it("loses its oldest lines where it does not, and no other", async () => {
    const { text, lack } = await pieces(lines, 600_000);
    expect(lines.endsWith(text)).toBe(true);
    expect(text.length).toBeGreaterThan(599_900);
    expect(text).toMatch(/^line \d+ of/);
    expect(lack).toMatch(/^is longer/);
  });

  it("goes on past a line that is longer than a part, of which nothing is there", async () => {
    const { text } = await pieces(`first\n${"x".repeat(1_700_000)}\nlast\n`, 64 * 1024 * 1024);
    expect(text.length).toBeLessThan(20);
    expect(text).toBe("first\nlast\n");
  });

  it("is not there where there is no launcher", async () => {
    const { collect } = launcherLog(async () => undefined, 1);
    await expect(collect(new AbortController().signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "bundle.not-there",
    });
  });
});
