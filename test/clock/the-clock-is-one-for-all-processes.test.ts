import { execFile } from "node:child_process";
import { getEventListeners } from "node:events";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";

const clock = systemClock();

describe("now", () => {
  it("reads the same monotonic time in two processes: another's reading falls between two of ours", async () => {
    const before = clock.now().monoMs;
    const { stdout } = await promisify(execFile)(process.execPath, ["-p", "Number(process.hrtime.bigint()) / 1e6"]);
    const after = clock.now().monoMs;
    expect(Number(stdout)).toBeGreaterThan(before);
    expect(Number(stdout)).toBeLessThan(after);
  });

  it("counts from the machine's boot, not from the process's start", async () => {
    const [uptime = ""] = (await readFile("/proc/uptime", "utf8")).split(" ");
    expect(Math.abs(clock.now().monoMs / 1000 - Number(uptime))).toBeLessThan(60);
  });

  it("tells Unix time on the wall", () => {
    expect(Math.abs(clock.now().wallMs - Date.now())).toBeLessThan(1_000);
  });
});

describe("sleep", () => {
  afterEach(() => vi.useRealTimers());

  it("ends at once when its signal is aborted, before or while it sleeps", async () => {
    const stop = new AbortController();
    const sleeping = clock.sleep(3_600_000, stop.signal);
    stop.abort();
    await sleeping;
    await clock.sleep(3_600_000, stop.signal);
  });

  it("leaves nothing on a signal that lives on", async () => {
    const { signal } = new AbortController();
    for (let at = 0; at < 200; at += 1) await clock.sleep(0, signal);
    const together = Promise.all(Array.from({ length: 200 }, () => clock.sleep(5, signal)));
    expect(getEventListeners(signal, "abort")).toHaveLength(200);
    await together;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it.each([
    { ms: 40 * 86_400_000, name: "40 days, more than a timer takes" },
    { ms: 2 ** 31, name: "one more than a timer takes" },
    { ms: Number.POSITIVE_INFINITY, name: "for ever" },
  ])("does not come back early from $name", async ({ ms }) => {
    vi.useFakeTimers();
    const stop = new AbortController();
    let woken = false;
    const sleeping = clock.sleep(ms, stop.signal).finally(() => {
      woken = true;
    });
    await vi.advanceTimersByTimeAsync(Math.min(ms - 1, 100 * 86_400_000));
    expect(woken).toBe(false);
    if (Number.isFinite(ms)) await vi.advanceTimersByTimeAsync(2);
    else stop.abort();
    await sleeping;
  });

  it.each([0, -5, Number.NaN])("yields once for %s ms", async (ms) => {
    await clock.sleep(ms, new AbortController().signal);
  });
});

it("gives chances in [0, 1)", () => {
  const chances = Array.from({ length: 1_000 }, () => clock.random());
  expect(chances.every((chance) => chance >= 0 && chance < 1)).toBe(true);
});
