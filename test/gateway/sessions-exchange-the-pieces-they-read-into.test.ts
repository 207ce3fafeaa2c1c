import { beforeEach, expect, it, vi } from "vitest";
import type { Taker, Upward } from "../../agent/gateway/fast-path.ts";

const KIB = 1024;
const SESSIONS = 100;
/** A block of each session comes before any of them is written; one fills a quarter of a piece. */
const ROUNDS = 40;

let make: (socket: Taker) => Upward;

beforeEach(async () => {
  // What other tests left spare is not this one's.
  vi.resetModules();
  const { Upward: Fresh } = await import("../../agent/gateway/fast-path.ts");
  make = (socket) => {
    const up: Upward = new Fresh(socket, (bytes) => up.add(bytes));
    return up;
  };
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Sessions whose writes are done a turn after they were given. */
class Crowd {
  /** The memory that writes came from. */
  readonly seen = new Set<ArrayBufferLike>();
  readonly #ups: { readonly up: Upward; room: Buffer }[] = [];
  #undone: ((failure?: Error | null) => void)[] = [];

  constructor() {
    const write = (bytes: Uint8Array, done: (failure?: Error | null) => void = () => undefined): boolean => {
      this.seen.add(bytes.buffer);
      this.#undone.push(done);
      return true;
    };
    for (let each = 0; each < SESSIONS; each += 1) {
      const up = make({ writable: true, writableLength: 0, write });
      this.#ups.push({ up, room: up.room() });
    }
  }

  async round(): Promise<void> {
    const block = Buffer.alloc(16 * KIB);
    for (const session of this.#ups)
      for (let at = 0; at < block.length; ) {
        const count = block.copy(session.room, 0, at);
        session.up.took(count);
        at += count;
        // As Node does: at once, so that what has just come is still held.
        session.room = session.up.room();
      }
    await turn();
    for (const done of this.#undone.splice(0)) done(null);
  }

  close(): void {
    for (const { up } of this.#ups) up.close();
  }
}

it("so that two for each are enough, however many exchange theirs in one turn", async () => {
  const crowd = new Crowd();
  // Until each has what a busy one has.
  for (let round = 0; round < 8; round += 1) await crowd.round();
  crowd.seen.clear();
  for (let round = 0; round < ROUNDS; round += 1) await crowd.round();
  expect(crowd.seen.size).toBeGreaterThan(SESSIONS / 2);
  expect(crowd.seen.size).toBeLessThanOrEqual(2 * SESSIONS);
  crowd.close();
});

it("and leave a megabyte of them when they have ended", async () => {
  const first = new Crowd();
  for (let round = 0; round < 8; round += 1) await first.round();
  first.close();
  const next = new Crowd();
  for (let round = 0; round < 8; round += 1) await next.round();
  const kept = [...next.seen].filter((memory) => memory.byteLength === 64 * KIB && first.seen.has(memory));
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length).toBeLessThanOrEqual(16);
  next.close();
});
