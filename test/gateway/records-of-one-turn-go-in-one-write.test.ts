import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Gather } from "../../agent/gateway/gather.ts";

/** Takes writes down, copied at once as the kernel does, and says when each is done. */
class TakenDown {
  readonly writable = true;
  readonly writes: Buffer[] = [];
  /** The bytes of writes that are not done: they must stay as they are. */
  readonly held: Uint8Array[] = [];
  readonly #done: (() => void)[] = [];

  write(bytes: Uint8Array, done?: () => void): boolean {
    this.writes.push(Buffer.from(bytes));
    if (done !== undefined) {
      this.held.push(bytes);
      this.#done.push(done);
    }
    return true;
  }

  finishOldest(): void {
    this.held.shift();
    this.#done.shift()?.();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("records towards BuildKit", () => {
  it("of one turn of the event loop go in one write, as far as one takes them", async () => {
    const socket = new TakenDown();
    const gather = new Gather(socket);
    for (let record = 0; record < 5; record += 1) gather.add(Buffer.alloc(16 * 1024, record));
    expect(socket.writes.map((write) => write.length)).toEqual([64 * 1024]);
    await turn();
    expect(socket.writes.map((write) => write.length)).toEqual([64 * 1024, 16 * 1024]);
  });

  it("that are small and alone go at once", () => {
    const socket = new TakenDown();
    new Gather(socket).add(Buffer.from("ping"));
    expect(socket.writes.map(String)).toEqual(["ping"]);
  });

  it("arrive whole and in order, however they come, while earlier writes are still under way", async () => {
    const record = fc.record({
      length: fc.integer({ min: 1, max: 16 * 1024 }),
      endsTurn: fc.boolean(),
      finishes: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 40 }), async (records) => {
        const socket = new TakenDown();
        const gather = new Gather(socket);
        const sent: Buffer[] = [];
        for (const [index, { length, endsTurn, finishes }] of records.entries()) {
          const bytes = Buffer.alloc(length, index);
          sent.push(Buffer.from(bytes));
          gather.add(bytes);
          if (endsTurn) await turn();
          if (finishes) socket.finishOldest();
        }
        await turn();
        expect(Buffer.concat(socket.writes).equals(Buffer.concat(sent))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it("never lie in a piece that a write still holds", async () => {
    const socket = new TakenDown();
    const gather = new Gather(socket);
    for (let round = 0; round < 30; round += 1) {
      gather.add(Buffer.alloc(2_000, round));
      await turn();
      if (round % 3 === 2) socket.finishOldest();
    }
    expect(socket.held).toHaveLength(20);
    expect(new Set(socket.held.map((bytes) => bytes.buffer)).size).toBe(20);
  });
});
