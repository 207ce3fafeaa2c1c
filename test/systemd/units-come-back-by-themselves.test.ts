import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";
import { commandsOf, UNIT_FILES, valuesOf } from "./units.ts";

const RESTARTED = ["builder-agent-gateway.service", "builder-agent-control.service"];
/** What is started by whoever needs it, each time under its own name, has nothing to count. */
const COUNTED = UNIT_FILES.filter((unit) => /\.(mount|service|socket)$/.test(unit) && !unit.includes("@."));

describe.each(RESTARTED)("%s", (unit) => {
  it("is started again however it fails, after a pause that grows", () => {
    expect(valuesOf(unit, "Restart")).toEqual(["always"]);
    const [directory = ""] = valuesOf(unit, "ReadWritePaths")[0]?.split(" ") ?? [];
    const pause = "/usr/lib/builder-agent/bin/pause-before-start";
    expect(valuesOf(unit, "ExecStartPre")).toContain(`-/usr/bin/sh ${pause} ${directory}/starts`);
  });

  it.each(["Requires", "Requisite", "BindsTo"])(
    "has no %s=: a start that fails for the sake of another unit is not tried again",
    (setting) => {
      expect(valuesOf(unit, setting)).toEqual([]);
    },
  );

  it("takes its configuration again at a reload, by SIGHUP", () => {
    expect(commandsOf(unit)).toContainEqual(["/usr/bin/kill", "-HUP", "$MAINPID"]);
  });
});

it("the gateway asks for its socket at each start, so that a port which was taken once is tried again", () => {
  expect(valuesOf("builder-agent-gateway.service", "Wants")).toEqual(["builder-agent.socket"]);
  // Without it, the gateway cannot listen by itself: it fails, and is started again.
  expect(valuesOf("builder-agent-gateway.service", "RestrictAddressFamilies")).toEqual(["AF_UNIX"]);
});

it.each(COUNTED)("%s has no limit of starts after which it stays down", (unit) => {
  expect(valuesOf(unit, "StartLimitIntervalSec")).toEqual(["0"]);
  expect(valuesOf(unit, "StartLimitBurst")).toEqual([]);
});

it("the builds' port stays open however often the gateway behind it fails", () => {
  expect(valuesOf("builder-agent.socket", "TriggerLimitIntervalSec")).toEqual(["0"]);
});

describe("the pause before a start", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "starts-"));
    file = join(folder, "unit");
    // Says how long it would have been.
    writeFileSync(join(folder, "sleep"), '#!/bin/sh\necho "slept $1"\n', { mode: 0o755 });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function pauseS(to = file): number {
    const env = { PATH: `${folder}:/usr/bin:/bin` };
    const said = execFileSync("/bin/sh", [inTree("tools/image/deb/files/pause-before-start"), to], {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return Number(/^slept (\d+)$/m.exec(said)?.[1] ?? 0);
  }

  it("is none at first, and then grows to half a minute", () => {
    expect(Array.from({ length: 12 }, () => pauseS())).toEqual([0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
  });

  it("is none again after a run that lasted", () => {
    for (let starts = 0; starts < 12; starts += 1) pauseS();
    const [inRow, startedS] = readFileSync(file, "utf8").trim().split(" ").map(Number);
    writeFileSync(file, `${inRow} ${(startedS ?? 0) - 30 - 31}\n`);
    expect(pauseS()).toBe(0);
  });

  it("is none where what it remembers is damaged", () => {
    for (const damaged of ["not a number at all\n", "", "\n", "9\n", " 9\n", "9 9x\n", "9 9999999999\n"]) {
      writeFileSync(file, damaged);
      expect(pauseS()).toBe(0);
    }
    // And it counts again.
    expect(Array.from({ length: 4 }, () => pauseS())).toEqual([0, 0, 0, 1]);
  });
});
