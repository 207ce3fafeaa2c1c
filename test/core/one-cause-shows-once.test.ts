import { describe, expect, it } from "vitest";
import { type Check, failed } from "../../agent/core/checks/check.ts";
import { examined, nextChangeMs } from "../../agent/core/checks/examine.ts";
import { CHECKS } from "../../agent/core/checks/register.ts";
import { withSince } from "../../agent/core/health.ts";
import type { Known } from "../../agent/core/known.ts";
import { readiness } from "../../agent/core/readiness.ts";
import { NO_STEP } from "../../agent/core/step-trial.ts";
import { NO_BUILDKIT, NO_GATEWAY, NO_PLANE } from "../../agent/core/views.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

const NOTHING_KNOWN: Known = {
  ...WELL,
  gateway: NO_GATEWAY,
  buildkit: NO_BUILDKIT,
  step: NO_STEP,
  plane: NO_PLANE,
  certificates: { lastRenewalError: "" },
  desired: undefined,
  resources: undefined,
  cache: { at: "waiting" },
  cacheFilesystem: { at: "unknown" },
  units: { at: "unknown" },
  notices: { at: "looking" },
  network: { at: "waiting" },
  isolation: { at: "unverified" },
  tailnet: { at: "unknown" },
  records: undefined,
  refusals: undefined,
  runtime: undefined,
  recordings: undefined,
  bundles: undefined,
  traces: { at: "waiting" },
};
const checks = (known: Known) =>
  examined(known, NOW, FIXED).map((finding) => withSince(undefined, finding, NOW.wallMs));
const reasons = (known: Known) => readiness({ at: "starting" }, checks(known), new Set()).reasons;

describe("the register of checks", () => {
  it("has each name once, and depends only on what is in it, never in a circle", () => {
    const names = CHECKS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const reached = (name: string): readonly string[] =>
      (CHECKS.find((check) => check.name === name)?.dependsOn ?? []).flatMap((one) => [one, ...reached(one)]);
    for (const name of names) {
      expect(reached(name)).not.toContain(name);
      expect(names).toEqual(expect.arrayContaining([...reached(name)]));
    }
  });

  it("has a remedy for all that can fail", () => {
    const amiss = examined(NOTHING_KNOWN, NOW, FIXED).filter(({ state }) => state !== "ok");
    expect(amiss.filter(({ remedy }) => remedy === "")).toEqual([]);
  });

  it.each(CHECKS)("says of $name what it judges by, whether it is well, amiss or not known", (check) => {
    for (const known of [WELL, NOTHING_KNOWN]) {
      const [found] = examined(known, NOW, FIXED, [check]);
      expect(found?.evidence.length).toBeGreaterThan(0);
      expect(found?.evidence.filter((fact) => fact.trim() === "" || /undefined|null|NaN/.test(fact))).toEqual([]);
    }
    expect(check.title).not.toBe("");
  });

  it("finds nothing ok of what nobody has looked at", () => {
    const found = new Map(examined(NOTHING_KNOWN, NOW, FIXED).map(({ name, state }) => [name, state]));
    expect([...found].filter(([, state]) => state === "ok")).toEqual([]);
    for (const name of ["clock", "unsupported", "encryption", "isolation", "disk", "buildkit"])
      expect(found.get(name)).toBe("unknown");
  });
});

describe("what changes by age alone", () => {
  const known: Known = {
    ...WELL,
    bundles: undefined,
    runtime: undefined,
    plane: { ...WELL.plane, confirmedAt: NOW },
    certificates: { ...WELL.certificates, machineNotAfterMs: NOW.wallMs + 20 * 60_000 },
    gateway: {
      ...NO_GATEWAY,
      at: "here",
      listening: true,
      open: new Map(),
      servingNotAfterMs: NOW.wallMs + 10 * 60_000,
    },
  };
  const later = (ms: number) => ({ wallMs: NOW.wallMs + ms, monoMs: NOW.monoMs + ms });
  const notOk = (ms: number) =>
    examined(known, later(ms), FIXED)
      .filter(({ state }) => state !== "ok")
      .map(({ name }) => name);

  it("is due at that millisecond: the view of the control plane, then each certificate, and then nothing", () => {
    const turns: unknown[] = [];
    let ms = 0;
    for (let due = nextChangeMs(known, NOW); due !== Number.POSITIVE_INFINITY; due = nextChangeMs(known, later(ms))) {
      const before = notOk(ms + due - 1);
      expect(before).toEqual(notOk(ms));
      ms += due;
      turns.push([ms, notOk(ms).filter((name) => !before.includes(name))]);
    }
    expect(turns).toEqual([
      [300_001, ["control-plane-view"]],
      [600_000, ["serving-certificate"]],
      [1_200_000, ["machine-certificate"]],
    ]);
  });

  it("is not waited for where nothing of it is known", () => {
    expect(nextChangeMs(NOTHING_KNOWN, NOW)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a reason", () => {
  it("is given for what causes the rest, not for the rest", () => {
    expect(reasons(NOTHING_KNOWN).map((reason) => reason.split(":")[0])).toEqual(["gateway", "machine-certificate"]);
    expect(
      reasons({ ...WELL, cache: { at: "failed", because: "no device" }, buildkit: NO_BUILDKIT, resources: undefined }),
    ).toEqual(["cache-volume: Cannot be opened: no device"]);
  });

  it("is given for what follows from it where the cause itself is left out", () => {
    const known: Known = { ...WELL, cache: { at: "failed", because: "no device" }, buildkit: NO_BUILDKIT };
    const { reasons: left } = readiness({ at: "starting" }, checks(known), new Set(["cache-volume"]));
    expect(left.map((reason) => reason.split(":")[0])).toEqual(["cache-filesystem", "encryption", "buildkit"]);
  });

  it("of a warning may be another warning; it never explains why a machine is not ready", () => {
    const row = (name: string, over: Partial<Check>): Check => ({
      ...{ name, title: name, blocking: false, remedy: "mend it" },
      look: () => failed(name),
      evidence: () => [name],
      ...over,
    });
    const dependsOn = ["cause"];
    const rows = [row("cause", {}), row("effect", { dependsOn }), row("grave", { dependsOn, blocking: true })];
    expect(examined(WELL, NOW, FIXED, rows).map(({ causedBy }) => causedBy)).toEqual([undefined, "cause", undefined]);
  });

  it("of a check that nothing explains is its own", () => {
    expect(reasons({ ...WELL, buildkit: { ...NO_BUILDKIT, at: "stopped", message: "killed" } })).toEqual([
      "buildkit: killed",
    ]);
  });
});
