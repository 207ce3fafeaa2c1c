import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { troubleFile } from "../../agent/adapters/troubles/trouble-file.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { rememberTroubles } from "../../agent/control/remember-troubles.ts";
import type { Trouble } from "../../agent/core/troubles.ts";
import type { TroubleStore } from "../../agent/ports/trouble-store.ts";
import { ManualClock, settle } from "../control/manual-clock.ts";
import { notebook } from "../control/stand-ins.ts";
import { checkResult } from "../core/sample.ts";

let directory: string;
let file: string;
let ends: { readonly gateway: string; readonly control: string };
let log: ReturnType<typeof notebook>;
let store: TroubleStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "troubles-"));
  file = join(directory, "control", "troubles.json");
  ends = { gateway: join(directory, "gateway-end"), control: join(directory, "control-end") };
  log = notebook();
  store = troubleFile({ file, ends, log });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const trouble: Trouble = {
  is: "process-ended",
  what: "buildkitd",
  message: "killed by SIGKILL",
  sinceMs: 5,
  untilMs: 5,
  times: 1,
  builds: ["b-1"],
  moreBuilds: 0,
};

describe("the file of troubles", () => {
  it("gives back what was kept in this boot, and nothing of another one", async () => {
    expect(await store.load("boot-1")).toBeUndefined();
    const { untilMs: _, ...open } = trouble;
    const kept = { troubles: [trouble, open], endedInOrder: true };
    await store.save("boot-1", kept);
    expect(await store.load("boot-1")).toEqual(kept);
    expect(await store.load("boot-2")).toBeUndefined();
    expect(log.events).toEqual([]);
    expect(await readdir(join(directory, "control"))).toEqual(["troubles.json"]);
  });

  it.each(["", "{", "null", `{"version":2}`, "x".repeat(100_000)])(
    "that is damaged (%#) is set aside, and the next is kept in its place",
    async (text) => {
      await store.save("boot-1", { troubles: [], endedInOrder: true });
      await writeFile(file, text);
      expect(await store.load("boot-1")).toBeUndefined();
      expect(log.events).toEqual(["troubles.file-damaged"]);
      expect(await readFile(`${file}.damaged`, "utf8")).toBe(text);
      await store.save("boot-1", { troubles: [trouble], endedInOrder: false });
      expect((await store.load("boot-1"))?.troubles).toEqual([trouble]);
    },
  );

  it("that cannot be written costs a log line and nothing else", async () => {
    await writeFile(join(directory, "no-directory"), "");
    const nowhere = troubleFile({ file: join(directory, "no-directory", "troubles.json"), ends, log });
    await nowhere.save("boot-1", { troubles: [trouble], endedInOrder: true });
    expect(await nowhere.load("boot-1")).toBeUndefined();
    expect(log.events).toEqual(["troubles.not-kept", "troubles.file-damaged"]);
  });
});

describe("how a process ended", () => {
  it.each([
    ["killed KILL\n", "killed by SIGKILL"],
    ["exited 70\n", "ended with exit code 70"],
    ["dumped SEGV\n", "killed by SIGSEGV, with a core dump"],
    ["hung KILL\n", "killed by SIGKILL, because it hung"],
    ["", undefined],
    ["exited \n", undefined],
    ["killed KILL; and more\n", undefined],
  ])("is told by what its manager wrote: %j", async (line, words) => {
    await writeFile(ends.gateway, line);
    expect(store.lastEnd("gateway", Date.now() - 10_000)).toBe(words);
    expect(store.lastEnd("gateway", Date.now() + 10_000)).toBeUndefined();
    expect(store.lastEnd("control", 0)).toBeUndefined();
  });
});

describe("control", () => {
  /** One run of the process; `end` is its orderly end. */
  async function run(clock: ManualClock) {
    const board = newBoard();
    const stop = new AbortController();
    const remembering = rememberTroubles({ troubles: store, clock }, board, { bootId: "boot-1" }, stop.signal);
    await settled();
    return { board, end: () => (stop.abort(), remembering) };
  }
  /** Until what was noted is on disk. */
  async function settled(): Promise<void> {
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await settle();
  }

  it("remembers over its restarts that buildkitd ended and what it broke, and says when it was itself cut off", async () => {
    const clock = new ManualClock();
    const first = await run(clock);
    first.board.buildkit.update((view) => ({ ...view, restarts: 1, lastExit: "killed by SIGKILL" }));
    first.board.checks.set([checkResult({ name: "disk", sinceMs: 1 })]);
    await settled();
    first.board.checks.set([checkResult({ name: "disk", state: "failed", message: "Full", sinceMs: 2 })]);
    await settled();
    const told = first.board.troubles.get();
    expect(told.map(({ what, message }) => [what, message])).toEqual([
      ["buildkitd", "killed by SIGKILL"],
      ["disk", "Full"],
    ]);
    await expect.poll(async () => (await store.load("boot-1"))?.troubles).toEqual(told);
    // Cut off: it never came to its end, and its manager says how.
    await writeFile(ends.control, "dumped ABRT\n");
    const second = await run(clock);
    await expect
      .poll(() => second.board.troubles.get().map(({ what }) => what))
      .toEqual(["buildkitd", "disk", "control"]);
    await first.end();
    expect(second.board.troubles.get().at(-1)?.message).toMatch(
      /^killed by SIGABRT, with a core dump, and was started/,
    );
    await second.end();
    const third = await run(clock);
    await expect
      .poll(() => third.board.troubles.get().map(({ what }) => what))
      .toEqual(["buildkitd", "disk", "control"]);
    await third.end();
  });

  it("counts nothing that fails because this machine stops", async () => {
    const { board, end } = await run(new ManualClock());
    board.checks.set([checkResult({ name: "buildkit" })]);
    await settled();
    board.phase.set({ at: "stopping", reason: "drained" });
    board.checks.set([checkResult({ name: "buildkit", state: "failed" })]);
    await settled();
    expect(board.troubles.get()).toEqual([]);
    await end();
  });
});
