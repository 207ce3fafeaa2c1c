import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { firstOf, within } from "../../agent/lifecycle/branch.ts";
import { Cell, onChange, onTurn } from "../../agent/lifecycle/cell.ts";
import { Pulse } from "../../agent/lifecycle/pulse.ts";
import { Queue } from "../../agent/lifecycle/queue.ts";
import { retry } from "../../agent/lifecycle/retry.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { Tasks } from "../../agent/lifecycle/tasks.ts";
import type { Log } from "../../agent/ports/log.ts";
import { traceBook } from "../control/stand-ins.ts";

const clock = systemClock();
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const fails = () => Promise.reject(new Error("refused"));
const endless = (signal: AbortSignal) => clock.sleep(1e9, signal);

describe("a scope", () => {
  it("closes in reverse, goes on past a failure, and then tells it", async () => {
    const closed: string[] = [];
    const scope = new Scope();
    scope.defer(() => void closed.push("first opened"));
    scope.defer(() => {
      throw new Error("stuck");
    });
    scope.own({ [Symbol.dispose]: () => void closed.push("last opened") });
    await expect(scope[Symbol.asyncDispose]()).rejects.toThrow("stuck");
    expect(closed).toEqual(["last opened", "first opened"]);
  });
});

describe("a cell", () => {
  it("gives a slow reader the latest value and skips what was overtaken", async () => {
    const cell = new Cell(0);
    const seen: number[] = [];
    const stop = new AbortController();
    const reading = onChange(
      [cell],
      () => {
        seen.push(cell.get());
        if (cell.get() === 3) stop.abort();
      },
      stop.signal,
    );
    for (const value of [1, 2, 3]) cell.set(value);
    await reading;
    expect(seen).toEqual([0, 3]);
  });

  it("gives who looks at everything one look in a turn, however many changes each brought another", async () => {
    const cell = new Cell(0);
    const looks: number[] = [];
    const stop = new AbortController();
    const looking = onTurn(clock, [cell], () => looks.push(cell.get()), stop.signal);
    await clock.sleep(0, stop.signal);
    for (const value of [1, 2, 3]) {
      cell.set(value);
      // As chapters follow from one another: each by a promise of its own.
      for (let step = 0; step < 10; step += 1) await Promise.resolve();
    }
    expect(looks).toEqual([0]);
    await clock.sleep(0, stop.signal);
    expect(looks).toEqual([0, 3]);
    stop.abort();
    await looking;
  });

  it("leaves no listener behind on a signal that lives as long as the process", async () => {
    const { signal } = new AbortController();
    const cell = new Cell(0);
    for (let round = 1; round <= 50; round += 1) {
      const waiting = within(clock, 60_000, signal, (limit) => cell.first((value) => value === round, limit));
      cell.set(round);
      expect(await waiting).toBe(round);
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("answers undefined when its signal ends first", async () => {
    const cell = new Cell(0);
    expect(
      await within(clock, 5, new AbortController().signal, (limit) => cell.first((value) => value === 1, limit)),
    ).toBe(undefined);
  });
});

describe("a queue", () => {
  it("gives everything in order, then the end", async () => {
    const queue = new Queue<number>();
    queue.push(1);
    const { signal } = new AbortController();
    setImmediate(() => {
      queue.push(2);
      queue.close();
    });
    const got: number[] = [];
    for await (const item of queue.drain(signal)) got.push(item);
    expect(got).toEqual([1, 2]);
  });
});

describe("retry", () => {
  const options = { backoff: { baseMs: 1, capMs: 2 }, clock, giveUp: () => false, onFailure: () => {} };

  it("tries again until it works", async () => {
    let attempts = 0;
    const attempt = async (): Promise<string> => {
      attempts += 1;
      if (attempts < 3) throw new Error("not yet");
      return "done";
    };
    expect(await retry(attempt, { ...options, signal: new AbortController().signal })).toBe("done");
    expect(attempts).toBe(3);
  });

  it("waits at least as long as a failure asks for, with its jitter on top", async () => {
    const waits: number[] = [];
    let attempts = 0;
    const attempt = async (): Promise<void> => {
      attempts += 1;
      if (attempts < 3) throw new Error(attempts === 1 ? "busy" : "broken");
    };
    await retry(attempt, {
      ...options,
      clock: { ...clock, random: () => 0.5, sleep: async () => {} },
      backoff: { baseMs: 1_000, capMs: 60_000 },
      signal: new AbortController().signal,
      atLeastMs: (failure) => (failure instanceof Error && failure.message === "busy" ? 20_000 : 0),
      onFailure: (_failure, delayMs) => waits.push(delayMs),
    });
    expect(waits).toEqual([20_500, 1_000]);
  });

  it("throws on what is not worth another try, and stops when told to while it waits", async () => {
    const signal = new AbortController().signal;
    await expect(retry(fails, { ...options, signal, giveUp: () => true })).rejects.toThrow("refused");
    const stop = new AbortController();
    const waiting = retry(fails, {
      ...options,
      backoff: { baseMs: 1e9, capMs: 1e9 },
      signal: stop.signal,
      onFailure: () => stop.abort(),
    });
    await expect(waiting).rejects.toThrow("aborted");
  });
});

describe("firstOf", () => {
  it("ends the others when one is done, and tells the first failure", async () => {
    const outer = new AbortController().signal;
    await firstOf(outer, endless, async () => undefined, endless);
    await expect(firstOf(outer, endless, () => Promise.reject(new Error("first")))).rejects.toThrow("first");
  });
});

describe("tasks", () => {
  it("starts a failed loop again, ends with what is fatal, and waits for every loop when disposed", async () => {
    class Fatal extends Error {}
    let starts = 0;
    let ended = false;
    await (async () => {
      await using tasks = new Tasks({
        clock,
        log: silent,
        traces: traceBook(),
        isFatal: (failure) => failure instanceof Fatal,
      });
      tasks.run("long", async (signal) => {
        await clock.sleep(1e9, signal);
        ended = true;
      });
      tasks.run("flaky", async () => {
        starts += 1;
        throw starts < 3 ? new Error("passing") : new Fatal("for good");
      });
      await expect(tasks.ended).rejects.toThrow("for good");
    })();
    expect({ starts, ended }).toEqual({ starts: 3, ended: true });
  });
});

describe("a pulse", () => {
  it("wakes all who wait, and whoever was busy sees what it missed", async () => {
    const pulse = new Pulse();
    const { signal } = new AbortController();
    const waiting = Promise.all([pulse.next(signal), pulse.next(signal)]);
    const before = pulse.count;
    pulse.note();
    await waiting;
    await pulse.next(signal, before);
    expect(pulse.count).toBe(1);
  });

  it("lets go of who waits when their signal is aborted", async () => {
    const pulse = new Pulse();
    const abort = new AbortController();
    const waiting = pulse.next(abort.signal);
    abort.abort();
    await waiting;
    expect(pulse.count).toBe(0);
  });
});
