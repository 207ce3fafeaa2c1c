import { describe, expect, it } from "vitest";
import { examined } from "../../agent/core/checks/examine.ts";
import { runtime } from "../../agent/core/checks/runtime.ts";
import { nodeEndMs } from "../../agent/core/node-releases.ts";
import { delaySeen, type LoopDelay, type RuntimeView } from "../../agent/core/runtime.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

const FINE: RuntimeView = { nodeVersion: "v24.21.0", control: { delayMs: 0 }, gateway: { delayMs: 50 } };
const at = (day: string) => ({ wallMs: Date.parse(`${day}T12:00:00Z`), monoMs: NOW.monoMs });
const look = (over: Partial<RuntimeView>, now = NOW) =>
  examined({ ...WELL, runtime: { ...FINE, ...over } }, now, FIXED, [runtime])[0];

describe("Node.js", () => {
  it.each([
    { version: "v24.21.0", day: "2028-01-30", state: "ok", says: "until 2028-04-30" },
    { version: "v24.21.0", day: "2028-01-31", state: "failed", says: "security fixes until 2028-04-30" },
    { version: "v24.21.0", day: "2028-04-30", state: "failed", says: "no security fixes since 2028-04-30" },
    { version: "v20.20.2", day: "2026-11-29", state: "failed", says: "no security fixes since 2026-04-30" },
    { version: "v22.1.0", day: "2026-11-29", state: "ok", says: "until 2027-04-30" },
    { version: "v99.0.0", day: "2026-11-29", state: "unknown", says: "not known to this agent" },
  ])("$version on $day is $state, and blocks nothing", ({ version: nodeVersion, day, state, says }) => {
    expect(look({ nodeVersion }, at(day))).toMatchObject({
      state,
      blocking: false,
      message: expect.stringContaining(says) as unknown,
    });
  });

  it("that runs these tests is known: whoever moves on adds its end", () => {
    expect(nodeEndMs(process.version)).toBeGreaterThan(0);
  });

  it("is looked at again on the day on which that changes", () => {
    const now = at("2028-01-01");
    const left = runtime.changesInMs?.({ ...WELL, runtime: FINE }, now) ?? 0;
    expect(new Date(now.wallMs + left).toISOString()).toBe("2028-01-31T00:00:00.000Z");
  });
});

describe("an event loop", () => {
  const after = (ms: number) => ({ wallMs: NOW.wallMs + ms, monoMs: NOW.monoMs + ms });
  const seen = (windows: readonly number[]) =>
    windows.reduce<LoopDelay | undefined>(
      (before, delayMs, index) => delaySeen(before, delayMs, 1_000, after(index * 5_000)),
      undefined,
    );

  it("that comes late is told at once, with how late at worst, and for a minute after the last time", () => {
    const control = seen([10, 1_400, 3_020, 20, 20]);
    expect(control).toMatchObject({ delayMs: 0, late: { sinceMs: NOW.wallMs + 5_000, worstMs: 3_000 } });
    expect(look({ ...(control && { control }) })).toMatchObject({
      state: "failed",
      blocking: false,
      message: "Control's event loop comes late since 2026-11-21T12:00:05Z: probes may give up on it",
      evidence: expect.arrayContaining([
        "control's event loop: 0 ms late in the last window, 3000 ms at worst since 2026-11-21T12:00:05Z (limit 1000 ms)",
      ]) as unknown,
    });
    expect(seen([1_400, ...Array<number>(11).fill(0)])).toHaveProperty("late");
    expect(seen([1_400, ...Array<number>(12).fill(0)])).toEqual({ delayMs: 0 });
  });

  it("of the gateway is told first: it carries the builds", () => {
    const gateway = delaySeen(undefined, 600, 500, NOW);
    const control = delaySeen(undefined, 5_000, 1_000, NOW);
    expect(look({ gateway, control })?.message).toContain("The gateway's event loop");
  });

  it("that is a little late now and then is no finding, and no change of what is shown", () => {
    expect(seen([10, 24, 3])).toEqual(seen([0]));
    expect(look({})).toMatchObject({ state: "ok" });
  });
});

it("tells of memory before the kernel ends control for it", () => {
  const limitBytes = 512 * 1024 ** 2;
  expect(look({ memory: { usedBytes: limitBytes * 0.8, limitBytes } })).toMatchObject({ state: "ok" });
  expect(look({ memory: { usedBytes: limitBytes * 0.9, limitBytes } })).toMatchObject({
    state: "failed",
    blocking: false,
    evidence: expect.arrayContaining(["control uses 460.8 MiB of the 512.0 MiB that its unit may"]) as unknown,
  });
});
