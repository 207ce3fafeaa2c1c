import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endOrderFile } from "../../agent/adapters/end-orders/end-order-file.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { orderEnd } from "../../agent/control/end-orders.ts";
import { KeptEndOrders } from "../../agent/control/keep-end-orders.ts";
import type { EndOrder } from "../../agent/core/end-orders.ts";
import type { KeptEnding } from "../../agent/ports/kept-orders.ts";
import { settle } from "./manual-clock.ts";
import { notebook } from "./stand-ins.ts";

const ORDER: EndOrder = { from: "operator", reason: "kernel update", deadlineMonoMs: 90_000 };

describe("an order to end", () => {
  let dir: string;
  let file: string;
  let log: ReturnType<typeof notebook>;

  /** A control process of this boot, until it is killed. */
  const process = async (bootId = "b1") => {
    const board = newBoard();
    const kept = new KeptEndOrders({ keptOrders: endOrderFile(file, log), log }, board, bootId);
    await kept.recall();
    const killed = new AbortController();
    const following = kept.follow(killed.signal);
    const kill = async (): Promise<void> => {
      // What it wrote is there; nothing else of it is.
      await settle();
      killed.abort();
      await following;
    };
    return { board, kept, kill };
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "end-orders-"));
    file = join(dir, "end-orders.json");
    log = notebook();
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it.each<{ order: EndOrder; holds: boolean }>([
    { order: ORDER, holds: true },
    { order: { ...ORDER, from: "control-plane", hurry: true }, holds: true },
    { order: { ...ORDER, from: "provider" }, holds: true },
    { order: { ...ORDER, from: "signal" }, holds: false },
    { order: { ...ORDER, from: "refusal" }, holds: false },
  ])("of $order.from holds for the next process of the boot: $holds", async ({ order, holds }) => {
    const first = await process();
    orderEnd(first.board, order);
    await first.kill();
    const next = await process();
    expect(next.board.endOrders.get()).toEqual(holds ? [order] : []);
    expect(log.events).toEqual(holds ? ["end-orders.recalled"] : []);
    await next.kill();
    const otherBoot = await process("b2");
    expect(otherBoot.board.endOrders.get()).toEqual([]);
    await otherBoot.kill();
  });

  it("keeps its deadline, whatever is said of it later, and the builds that were open when it came", async () => {
    const first = await process();
    orderEnd(first.board, ORDER);
    first.board.frozen.set({ at: "these", builds: new Set(["open-1", "open-2"]) });
    await first.kill();
    const next = await process();
    orderEnd(next.board, { ...ORDER, deadlineMonoMs: 500_000 });
    expect(next.board.endOrders.get()).toEqual([ORDER]);
    expect(next.board.frozen.get()).toEqual({ at: "these", builds: new Set(["open-1", "open-2"]) });
    orderEnd(next.board, { ...ORDER, deadlineMonoMs: 40_000 });
    await next.kill();
    const third = await process();
    expect(third.board.endOrders.get()).toMatchObject([{ deadlineMonoMs: 40_000 }]);
    await third.kill();
  });

  it("is kept as it is last, by one write after the other, however often it changes while one lasts", async () => {
    const board = newBoard();
    const saved: number[] = [];
    const done: (() => void)[] = [];
    const store = {
      load: async () => undefined,
      save: (_boot: string, { orders: [order] }: KeptEnding) =>
        new Promise<void>((resolve) => {
          saved.push(order?.deadlineMonoMs ?? 0);
          done.push(resolve);
        }),
      forget: async () => undefined,
    };
    const killed = new AbortController();
    const following = new KeptEndOrders({ keptOrders: store, log }, board, "b1").follow(killed.signal);
    for (let deadlineMonoMs = 100; deadlineMonoMs > 50; deadlineMonoMs -= 1) {
      orderEnd(board, { ...ORDER, deadlineMonoMs });
      await settle();
    }
    done[0]?.();
    await settle();
    expect(saved).toEqual([100, 51]);
    done[1]?.();
    killed.abort();
    await following;
  });

  it("is over once it was carried out, whatever is ordered after that", async () => {
    const first = await process();
    orderEnd(first.board, ORDER);
    await first.kept.over();
    orderEnd(first.board, { ...ORDER, deadlineMonoMs: 1 });
    await first.kill();
    expect(await readdir(dir)).toEqual([]);
    expect((await process()).board.endOrders.get()).toEqual([]);
  });

  it("that cannot be read ends nothing, and is set aside and told", async () => {
    await writeFile(file, '{"version":1');
    const next = await process();
    expect(next.board.endOrders.get()).toEqual([]);
    expect(log.events).toEqual(["end-orders.damaged"]);
    expect(await readdir(dir)).toEqual(["end-orders.json.damaged"]);
    await next.kill();
  });

  it("of a source that only a newer release knows counts as an operator's", async () => {
    const orders = [{ from: "the-fleet", reason: "r", deadlineMonoMs: 7, more: true }];
    await writeFile(file, JSON.stringify({ version: 1, bootId: "b1", orders }));
    const next = await process();
    expect(next.board.endOrders.get()).toEqual([{ from: "operator", reason: "r", deadlineMonoMs: 7 }]);
    await next.kill();
  });
});
