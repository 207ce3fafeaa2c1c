import { describe, expect, it } from "vitest";
import type { BootRecord } from "../../bench/start/boot/boot-record.ts";
import { boot } from "../../bench/start/boot/chapters.ts";
import { programsOf } from "../../bench/start/boot/watched-programs.ts";
import { guestBoot } from "../../bench/start/guest/guest-boot.ts";
import { guestTable } from "../../bench/start/guest/guest-table.ts";
import { parseStartOptions } from "../../bench/start/options.ts";
import { barsOf, percentile, startText } from "../../bench/start/text.ts";

const [CONTROL, GATEWAY, NETWORK, BUILDKIT] = [
  "builder-agent-control.service",
  "builder-agent-gateway.service",
  "builder-agent-network@0-68-991.service",
  "buildkitd.service",
];
const NODE = "/usr/lib/builder-agent/node/bin/node";
const MAIN = "/usr/lib/builder-agent/agent/cli/main.js";

/** As watch-programs wrote it in one boot, less what is no Node and no BuildKit. */
const LINES = [
  ["exec", 10_350_000_000, 68, `/m/agent.slice/${CONTROL}`, NODE, "--max-semi-space-size=1", MAIN, "control"],
  ["exec", 10_417_000_000, 84, `/m/agent.slice/${GATEWAY}`, NODE, MAIN, "gateway"],
  ["exec", 10_897_000_000, 164, `/m/agent.slice/${NETWORK}`, NODE, MAIN, "network", "serve", "--peer", "0-68-991"],
  // This process was setpriv first, and was looked at when it was Node already.
  ["exec", 11_327_000_000, 192, `/m/agent.slice/${NETWORK}`, NODE, MAIN, "network", "probe"],
  ["exec", 11_328_000_000, 192, `/m/agent.slice/${NETWORK}`, NODE, MAIN, "network", "probe"],
  ["exec", 11_468_000_000, 264, `/m/builds.slice/${BUILDKIT}/.control`, NODE, MAIN, "buildkit", "prepare"],
  ["exit", 11_620_000_000, 264],
  ["exec", 11_650_000_000, 301, `/m/builds.slice/${BUILDKIT}/daemon`, "/bin/sh", "bin/start-buildkitd"],
  ["exec", 11_697_000_000, 301, `/m/builds.slice/${BUILDKIT}/daemon`, "bin/buildkitd", "--config", "b.toml"],
  ["exit", 11_881_000_000, 192],
  ["exit", 11_899_000_000, 164],
  ["exec", 12_461_000_000, 463, `/m/builds.slice/builder-agent-sweep.service`, NODE, MAIN, "buildkit", "sweep"],
].map((fields) => fields.join("\t"));

const RECORD: BootRecord = {
  processor: [
    { part: "control", tookMs: 540.2 },
    { part: "all", tookMs: 2_140.9 },
  ],
  units: [
    { name: "builder-agent.socket", startedMs: 10_100, activeMs: 10_104 },
    { name: CONTROL, startedMs: 10_200, activeMs: 10_638 },
    { name: GATEWAY, startedMs: 10_279, activeMs: 10_593 },
    { name: BUILDKIT, startedMs: 11_188, activeMs: 11_892 },
  ],
  programs: programsOf(LINES),
  events: [
    { unit: GATEWAY, event: "gateway.listening", atMs: 10_592 },
    { unit: CONTROL, event: "identity.registered", atMs: 10_792 },
    { unit: CONTROL, event: "network.applied", atMs: 11_169 },
    { unit: CONTROL, event: "buildkit.ready", atMs: 12_085 },
    { unit: CONTROL, event: "buildkit.step-ran", atMs: 12_179 },
    {
      unit: CONTROL,
      event: "agent.ready",
      atMs: 12_186,
      chapters: [{ name: "network", beganMs: 481, tookMs: 325 }],
    },
  ],
};

const READY = {
  ...{ unit: CONTROL, event: "agent.ready", atMs: 12_186 },
  chapters: [
    { name: "network", beganMs: 481, tookMs: 325 },
    { name: "ready", beganMs: 0, tookMs: 1_800 },
  ],
};

describe("a start", () => {
  const one = boot(RECORD);

  it("takes from the agent's first unit to ready; its own share leaves out BuildKit's program until it was tried", () => {
    expect(one.totalMs).toBe(2_086);
    expect(one.ownMs).toBe(2_086 - (12_179 - 11_697));
  });

  it("has chapters that begin where they began, since the first unit", () => {
    const found = Object.fromEntries(one.chapters.map(({ name, beganMs, tookMs }) => [name, [beganMs, tookMs]]));
    expect(found).toMatchObject({
      "control: unit to its process": [100, 150],
      "control: process to up": [250, 288],
      "control: network": [250 + 481, 325],
      "first certificate, since control was up": [538, 154],
      "buildkit prepare: process to its end": [1_368, 152],
      "BuildKit: unit to its program": [1_088, 509],
      "BuildKit: program to serving": [1_597, 195],
      "BuildKit: its first step": [1_792, 287],
    });
  });

  it("counts each Node process once, and as waited for only what nothing else lasted longer beside", () => {
    expect(one.nodeStarts.map(({ command, onPath }) => [command, onPath])).toEqual([
      ["control", true],
      ["gateway", true],
      // For its order; its trial was over before BuildKit's first step was.
      ["network serve", true],
      ["network probe", false],
      ["buildkit prepare", true],
    ]);
  });

  it("counts as waited for what BuildKit's own unit runs before it, also where something else ended later", () => {
    const later = LINES.map((line) => line.replace("exit\t11881000000", "exit\t11690000000"));
    const { nodeStarts } = boot({ ...RECORD, programs: programsOf(later) });
    expect(nodeStarts.filter(({ onPath }) => onPath).map(({ command }) => command)).toEqual([
      "control",
      "gateway",
      "network serve",
      "buildkit prepare",
    ]);
  });

  it("is not added up where something is missing that every boot has", () => {
    const silent = { ...RECORD, events: RECORD.events.filter(({ event }) => event !== "agent.ready") };
    expect(() => boot(silent)).toThrow(/control\.service never said "agent\.ready"/);
    const without = { ...RECORD, programs: RECORD.programs.filter(({ words }) => words[0] !== "bin/buildkitd") };
    expect(() => boot(without)).toThrow(/buildkitd\.service never executed its program/);
  });

  it("is told with its medians, and with what was aimed at", () => {
    const slow = { ...one, totalMs: 4_000, ownMs: 3_000 };
    const boots = [one, { ...one, totalMs: 900, ownMs: 450 }, slow];
    const text = startText({ schemaVersion: 1, startedAt: "2026-11-30T10:00:00.000Z", seconds: 1, boots });
    expect(text).toMatch(/first unit to ready, with BuildKit \|\s+2086 \|\s+900 to 4000/);
    expect(text).toMatch(/builder-agent network serve\s+\|\s+1 \|\s+1 \|/);
    expect(text).toMatch(/\| control\s+\|\s+540 \|\n\| all\s+\|\s+2141 \|/);
    const build = { saidMs: 40, answeredMs: 45, dialMs: 15 };
    const spent = { control: 1.25, gateway: 0.5, plane: 2 };
    const opened = { how: "one at a time", builds: [build], cutMs: [260], opening: [spent], ending: [spent] };
    expect(barsOf(boots, [opened]).map(({ holds }) => holds)).toEqual([false, false, false, true, false]);
    const told = startText({ schemaVersion: 1, startedAt: "2026-11-30T10:00:00.000Z", seconds: 1, opened: [opened] });
    expect(told).toMatch(
      /one at a time\s+\|\s+1 \|\s+40\.0 \(40\.0\) \|\s+45\.0 \(45\.0\) \|\s+15\.0 \(15\.0\) \|\s+60\.0 \(60\.0\) \|/,
    );
    expect(told).toMatch(/opened, one at a time\s+\|\s+1\.25 \|\s+0\.50 \|\s+2\.00 \|/);
  });
});

describe("a guest's start", () => {
  it("has chapters since the agent's first unit, without anybody who watches its programs", () => {
    const { totalMs, chapters } = guestBoot(RECORD.units, [...RECORD.events.slice(0, -1), READY]);
    expect(totalMs).toBe(2_086);
    const found = Object.fromEntries(chapters.map(({ name, beganMs, tookMs }) => [name, [beganMs, tookMs]]));
    expect(found).toEqual({
      "control: unit to up": [100, 438],
      "gateway: unit to listening": [179, 313],
      "control: network": [286 + 481, 325],
      "control: ready": [286, 1_800],
      "BuildKit: unit to serving": [1_088, 704],
      "BuildKit: its network tried": [1_792, 193],
      "BuildKit: its first step": [1_792, 287],
    });
  });

  it("is told in shares of the whole", () => {
    const chapters = [{ name: "control: ready", beganMs: 1_000, tookMs: 9_000 }];
    const text = guestTable([
      { totalMs: 10_000, chapters },
      { totalMs: 10_000, chapters },
    ]);
    expect(text).toMatch(/ready after 10000 and 10000 ms: chapter \| began at \| took \|/);
    expect(text).toMatch(/control: ready\s+\|\s+10 % \|\s+90 % \|/);
  });

  it("counts as waited for what BuildKit's own unit runs before it, also where something else ended later", () => {
    const later = LINES.map((line) => line.replace("exit\t11881000000", "exit\t11690000000"));
    const { nodeStarts } = boot({ ...RECORD, programs: programsOf(later) });
    expect(nodeStarts.filter(({ onPath }) => onPath).map(({ command }) => command)).toEqual([
      "control",
      "gateway",
      "network serve",
      "buildkit prepare",
    ]);
  });

  it("is not added up where something is missing that every boot has", () => {
    expect(() => guestBoot(RECORD.units.slice(1), RECORD.events.slice(1))).toThrow(/lacks .*gateway\.listening/);
  });
});

it("takes the nearest rank for a percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
  expect([percentile(hundred, 99), percentile(hundred, 50), percentile([7], 99)]).toEqual([99, 50, 7]);
});

describe("npm run bench -- start", () => {
  it.each([
    [["--boots", "0"], /--boots takes a whole number from 1 to 100, not "0"/],
    [["--only", "boot,images"], /--only knows boot, open, volume, not images/],
    [["--quick"], /Unknown option '--quick'/],
  ])("%j is refused, by name", (args, words) => {
    expect(() => parseStartOptions(args, {})).toThrow(words);
  });

  it("writes no figures of some parts", () => {
    const env = { BUILDER_AGENT_WRITE_FIGURES: "1" };
    expect(() => parseStartOptions(["--only", "boot"], env)).toThrow(/leave out --only/);
    expect(parseStartOptions([], env)).toMatchObject({ write: true, boots: 10 });
  });
});
