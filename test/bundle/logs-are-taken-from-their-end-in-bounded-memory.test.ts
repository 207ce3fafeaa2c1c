import { join } from "node:path";
import { expect, it } from "vitest";
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

it(`${MIB} MiB of logs cost less than 50 MB of memory, and the newest of them are there`, {
  timeout: 300_000,
}, async () => {
  await using folder = await folderOfOwn();
  await using programs = await folderOfOwn();
  await writeConfig(folder);
  const args = [...places(folder), "--log-mib", String(MIB), "--output"];
  await standIn(programs, "journalctl", "");
  const quiet = await bundle(programs, [...args, join(folder.path, "quiet.tar.gz")]);
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
  const full = await bundle(programs, [...args, join(folder.path, "full.tar.gz")]);
  expect([quiet.code, full.code]).toEqual([0, 0]);
  expect(full.tookMs).toBeLessThan(30_000);
  expect((full.peakKib - quiet.peakKib) / 1024).toBeLessThan(50);
  const files = await unpacked(join(folder.path, "full.tar.gz"), folder.path);
  expect(files.get("logs/journal/9999.log")).toMatch(/entry 0 password=\[redacted: named-value\] words[^\n]+\n$/);
  const logs = [...files].filter(([name]) => name.startsWith("logs/journal/"));
  expect(logs.length).toBeGreaterThan(16);
  for (const [, text] of logs) expect(text).not.toContain("hunter");
  console.log(
    `peak ${quiet.peakKib} KiB quiet, ${full.peakKib} KiB with ${logs.length} MiB of logs, in ${Math.round(full.tookMs)} ms`,
  );
});
