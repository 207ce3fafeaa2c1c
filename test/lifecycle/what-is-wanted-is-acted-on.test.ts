import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../agent/core/errors.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { LoopJournal } from "../../agent/lifecycle/loop-report.ts";
import { type Failure, reconcile } from "../../agent/lifecycle/reconcile.ts";
import { Tasks } from "../../agent/lifecycle/tasks.ts";
import { ManualClock, settle } from "../control/manual-clock.ts";
import { notebook, traceBook } from "../control/stand-ins.ts";

const LASTING = new AgentError("test.lasting", "only a person can mend it", { retryable: false });

describe("a wish", () => {
  let clock: ManualClock;
  let stop: AbortController;
  let wish: Cell<string | undefined>;
  let acted: string[];
  let failures: Failure[];
  let journal: LoopJournal;
  let running: Promise<void>;
  /** What each act comes to. */
  let act: (wanted: string, unchanged: AbortSignal) => Promise<number | undefined>;

  beforeEach(() => {
    clock = new ManualClock();
    stop = new AbortController();
    wish = new Cell<string | undefined>(undefined);
    [acted, failures] = [[], []];
    journal = new LoopJournal("loop", clock, traceBook());
    act = () => Promise.resolve(undefined);
    running = reconcile<string>(
      {
        clock,
        watching: [wish],
        wanted: () => wish.get(),
        same: (a, b) => a === b,
        act: (wanted, unchanged) => {
          acted.push(wanted);
          return act(wanted, unchanged);
        },
        pauses: { passing: { baseMs: 1_000, capMs: 8_000 }, lastingMs: 60_000 },
        failed: (failure) => void failures.push(failure),
        report: journal,
      },
      stop.signal,
    );
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });
  const want = async (what: string | undefined): Promise<void> => {
    wish.set(what);
    await settle();
  };

  it("is acted on once, and again only when it changes", async () => {
    await want("a");
    await clock.advance(3_600_000);
    expect(acted).toEqual(["a"]);
    await want(undefined);
    await want("b");
    expect(acted).toEqual(["a", "b"]);
  });

  it("is acted on again after as long as the act says", async () => {
    act = () => Promise.resolve(60_000);
    await want("a");
    await clock.advance(180_000);
    expect(acted).toHaveLength(4);
  });

  it("that fails is tried again with pauses that double, and the loop says so", async () => {
    act = () => Promise.reject(new Error("no route"));
    await want("a");
    expect(journal.status).toMatchObject({ at: "pausing", failures: 1, lastFailure: "no route" });
    expect(journal.status.nextTryMs).toBe(clock.now().wallMs + 500);
    await clock.advance(500 + 1_000 + 2_000);
    expect(acted).toHaveLength(4);
    expect(failures.map(({ retryInMs }) => retryInMs)).toEqual([500, 1_000, 2_000, 4_000]);
    act = () => Promise.resolve(undefined);
    await clock.advance(4_000);
    expect(journal.status).toMatchObject({ at: "running", failures: 0, lastFailure: "" });
  });

  it("that only a person can mend is looked at again at a slow pace", async () => {
    act = () => Promise.reject(LASTING);
    await want("a");
    await clock.advance(59_999);
    expect(acted).toHaveLength(1);
    await clock.advance(1);
    expect(acted).toHaveLength(2);
  });

  it("that changes ends the pause, and interrupts an act that can be interrupted, which is no failure", async () => {
    act = () => Promise.reject(LASTING);
    await want("a");
    act = (_, unchanged) =>
      new Promise((_resolve, reject) => unchanged.addEventListener("abort", () => reject(new Error("interrupted"))));
    await want("b");
    await want("c");
    expect(acted).toEqual(["a", "b", "c"]);
    expect(failures).toHaveLength(1);
  });

  it("that changes as fast as its acts fail does not make the loop spin", async () => {
    let turn = 0;
    act = () => {
      turn += 1;
      wish.set(`wish ${turn}`);
      return settle().then(() => Promise.reject(new Error("no")));
    };
    await want("a");
    await clock.advance(10_000);
    expect(acted.length).toBeLessThan(40);
  });
});

describe("the loops of a process", () => {
  it("say what they do; one that returned stays listed, and one that throws says why and when it comes back", async () => {
    const clock = new ManualClock();
    await using tasks = new Tasks({ clock, log: notebook(), traces: traceBook(), isFatal: () => false });
    tasks.run("done", () => Promise.resolve());
    tasks.run("dies", () => Promise.reject(new Error("bug")));
    tasks.run("works", async (signal, report) => {
      report.succeeded();
      await clock.sleep(1e9, signal);
    });
    await settle();
    expect(tasks.loops).toMatchObject([
      { name: "done", at: "ended" },
      { name: "dies", at: "pausing", failures: 1, lastFailure: "bug" },
      { name: "works", at: "running", lastSuccessMs: clock.now().wallMs },
    ]);
  });
});
