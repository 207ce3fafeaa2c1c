import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, type ExpectStatic, it } from "vitest";
import type { GrantOrder } from "../../sandbox/control-plane/debug/grants.ts";
import { APP } from "../plane/member.ts";
import { CLINGING } from "./clinging.ts";
import { processesWith } from "./processes-with.ts";
import type { Sitting } from "./sitting.ts";
import { DebugStage, needsRoot } from "./stage.ts";

const LONE_CONTROL = fileURLToPath(new URL("lone-control.mjs", import.meta.url));

interface Ending {
  readonly how: string;
  readonly order?: Partial<GrantOrder>;
  readonly reason: string;
  /** Nobody is there who could wait until all is gone before it is told: the kernel ends it. */
  readonly isToldBefore?: true;
  end(stage: DebugStage, ada: Sitting, mark: string): unknown;
}

const ENDINGS: readonly Ending[] = [
  { how: "its shell exits", reason: "", end: (_, ada) => ada.type("out\n") },
  { how: "its shell is killed", reason: "", end: (_, ada) => ada.line.signal("SIGKILL") },
  { how: "the grant's time is over", order: { totalMs: 4_000 }, reason: "grant-ended", end: () => undefined },
  {
    how: "the grant is withdrawn",
    reason: "grant-withdrawn",
    end: (stage, ada) => stage.plane.debug.withdraw(APP, ada.line.grantId),
  },
  { how: "nobody presses a key", order: { idleMs: 5_000 }, reason: "idle", end: () => undefined },
  {
    how: "its stream breaks beyond the grace",
    order: { graceMs: 0 },
    reason: "disconnected",
    end: (_, ada) => ada.line.breakOff(),
  },
  { how: "the control plane closes it", reason: "closed", end: (_, ada) => ada.line.end() },
  {
    how: "its recording is not taken any more",
    reason: "recording-failed",
    end: (stage, ada) => {
      stage.plane.debug.recordings.fault = "refuse";
      return ada.type("seen\n");
    },
  },
  {
    how: "the process that holds it is killed",
    reason: "failed",
    isToldBefore: true,
    end: async (_, __, mark) => {
      const holder = await holderOf(mark);
      process.kill(holder, "SIGKILL");
    },
  },
];

/** The process above the namespace of those that carry the mark. */
async function holderOf(mark: string): Promise<number> {
  for (let pid = Number((await processesWith(mark))[0]?.split(" ")[0]); pid > 1; ) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
    if (command.includes("\0serve\0")) return pid;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    pid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  }
  throw new Error("Nobody holds the terminal");
}

async function endOnce(expect: ExpectStatic, stage: DebugStage, ending: Ending): Promise<void> {
  stage.plane.debug.recordings.fault = "none";
  const mark = `mark-${randomUUID()}`;
  const command = ["/usr/bin/env", `MARK=${mark}`, "/bin/bash", "-c", CLINGING];
  const ada = await stage.open({ command, ...ending.order });
  await ada.sees(/clings\r/);
  // One that ends by time may have ended on a busy machine before anybody looks.
  const isOver = (): boolean => stage.status(ada.line.grantId)?.state === "ended";
  await expect.poll(async () => isOver() || (await processesWith(mark)).length >= 7, { timeout: 20_000 }).toBe(true);
  await ending.end(stage, ada, mark);
  const { reason } = await stage.untilStatus(ada.line.grantId, "ended");
  if (ending.isToldBefore) await expect.poll(() => processesWith(mark), { timeout: 10_000 }).toEqual([]);
  expect({ how: ending.how, reason, left: await processesWith(mark) }).toEqual({
    how: ending.how,
    reason: ending.reason,
    left: [],
  });
}

const rounds = Math.ceil(Number(process.env["BUILDER_AGENT_TERMINAL_ENDINGS"] ?? "10") / (ENDINGS.length + 2));

// Most of each is waiting.
describe
  .skipIf(needsRoot)
  .concurrent("of a terminal with children that ignore every signal and have left its session", () => {
    it.for(ENDINGS)("nothing is left when $how", { timeout: 60_000 + rounds * 20_000 }, async (ending, { expect }) => {
      await using stage = await DebugStage.set();
      for (let round = 0; round < rounds; round += 1) await endOnce(expect, stage, ending);
    });

    it("nothing is left when the machine ends", { timeout: 60_000 + rounds * 20_000 }, async ({ expect }) => {
      for (let round = 0; round < rounds; round += 1) {
        await using stage = await DebugStage.set();
        await endOnce(expect, stage, {
          how: "the machine ends",
          reason: "stopping",
          end: () => stage.board.phase.set({ at: "stopping", reason: "the test ends it" }),
        });
      }
    });

    it("nothing is left when control is killed", {
      timeout: 60_000 + rounds * 20_000,
    }, async ({ expect }) => {
      for (let round = 0; round < rounds; round += 1) {
        await using stage = await DebugStage.set();
        const mark = `mark-${randomUUID()}`;
        const command = ["/usr/bin/env", `MARK=${mark}`, "/bin/bash", "-c", CLINGING];
        const control = spawn(process.execPath, [LONE_CONTROL, stage.terminalSocket, ...command], { stdio: "inherit" });
        await expect
          .poll(async () => (await processesWith(mark)).length, { timeout: 20_000 })
          .toBeGreaterThanOrEqual(8);
        control.kill("SIGKILL");
        await expect.poll(() => processesWith(mark), { timeout: 10_000 }).toEqual([]);
      }
    });
  });

describe.skipIf(needsRoot)("an end", () => {
  it("leaves the other terminals of the machine alone", async () => {
    await using stage = await DebugStage.set();
    // At once: both are noted as used at the same time.
    const [ada, eve] = await Promise.all([stage.open(), stage.open()]);
    await ada.type("exit\n");
    await ada.ended;
    await eve.type("echo here $((20 + 3))\n");
    await eve.sees(/here 23/);
  });
});
