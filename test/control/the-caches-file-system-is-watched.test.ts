import { afterEach, beforeEach, expect, it } from "vitest";
import { type Board, newBoard } from "../../agent/control/board/board.ts";
import { watchCache } from "../../agent/control/watch-cache.ts";
import { type CacheFilesystemSeen, HANGING_MS, type WriteTry } from "../../agent/core/cache-filesystem.ts";
import { CACHE_MOUNT, WELL } from "../core/sample.ts";
import { ManualClock } from "./manual-clock.ts";

let [board, clock, stop]: [Board, ManualClock, AbortController] = [
  newBoard(),
  new ManualClock(),
  new AbortController(),
];
let [write, looks]: [WriteTry, number] = [{ is: "none" }, 0];
let over: Promise<void>;

beforeEach(async () => {
  [board, clock, stop] = [newBoard(), new ManualClock(), new AbortController()];
  [write, looks] = [{ is: "none" }, 0];
  const look = (): CacheFilesystemSeen => {
    looks += 1;
    return { mount: CACHE_MOUNT, write };
  };
  over = watchCache({ cacheFilesystem: { look }, clock }, board, stop.signal);
  await clock.advance(10_000);
});

afterEach(async () => {
  stop.abort();
  await over;
});

function seen(): string {
  const view = board.cacheFilesystem.get();
  return view.at === "seen" ? view.write.is : view.at;
}

async function open(): Promise<void> {
  board.cache.set(WELL.cache);
  await clock.advance(1);
}

it("is not looked at before the cache is open, nor when it is closed", async () => {
  expect([looks, seen()]).toEqual([0, "unknown"]);
  await open();
  expect(seen()).toBe("first");
  board.cache.set({ at: "closed" });
  await clock.advance(10_000);
  expect(seen()).toBe("unknown");
});

it("keeps the machine waiting for the first write no longer than that takes", async () => {
  await open();
  write = { is: "under-way", number: "1" };
  await clock.advance(100);
  expect(seen()).toBe("first");
  write = { is: "written", number: "1" };
  await clock.advance(100);
  expect(seen()).toBe("written");
});

it("is well while a write is under way, until that hangs, and again when one is over", async () => {
  await open();
  write = { is: "written", number: "1" };
  await clock.advance(2_000);
  write = { is: "under-way", number: "2" };
  await clock.advance(HANGING_MS - 3_000);
  expect(seen()).toBe("written");
  await clock.advance(5_000);
  expect(seen()).toBe("hanging");
  await clock.advance(60_000);
  write = { is: "written", number: "2" };
  await clock.advance(4_000);
  expect(seen()).toBe("written");
});

it("knows that nobody tries any more by a last word that stays the same, and by none", async () => {
  await open();
  write = { is: "written", number: "1" };
  await clock.advance(HANGING_MS + 5_000);
  expect(seen()).toBe("nobody");
  write = { is: "refused", number: "9", errno: "EIO" };
  await clock.advance(4_000);
  expect(seen()).toBe("refused");
  write = { is: "none" };
  await clock.advance(HANGING_MS + 5_000);
  expect(seen()).toBe("nobody");
});
