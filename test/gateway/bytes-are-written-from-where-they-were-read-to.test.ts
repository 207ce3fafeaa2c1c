import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Downward, type Taker, Upward } from "../../agent/gateway/fast-path.ts";

const KIB = 1024;

interface Held {
  readonly bytes: Uint8Array;
  /** As they were when they were given. */
  readonly copy: Buffer;
  readonly done: (failure?: Error | null) => void;
}

/** Takes writes down as a socket does: each is held, and must stay as it is, until it is done. */
class TakenDown implements Taker {
  writable = true;
  readonly writes: Buffer[] = [];
  readonly held: Held[] = [];

  get writableLength(): number {
    return this.held.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(bytes: Uint8Array, done: (failure?: Error | null) => void = () => undefined): boolean {
    const copy = Buffer.from(bytes);
    this.writes.push(copy);
    this.held.push({ bytes, copy, done });
    return this.writableLength < 64 * KIB;
  }

  /** Whether the oldest write was still what had been given. */
  finishOldest(failure?: Error): boolean {
    const [oldest] = this.held.splice(0, 1);
    if (oldest === undefined) return true;
    const isSame = Buffer.from(oldest.bytes).equals(oldest.copy);
    oldest.done(failure ?? null);
    return isSame;
  }

  get all(): Buffer {
    return Buffer.concat(this.writes);
  }
}

interface Direction {
  room(): Buffer;
  took(bytes: number): boolean;
}

/** Puts `bytes` where the direction wants them, as Node does: as many at a time as have room. */
function read(direction: Direction, bytes: Buffer): boolean {
  let goesOn = true;
  for (let at = 0; at < bytes.length; ) {
    const count = bytes.copy(direction.room(), 0, at);
    goesOn = direction.took(count);
    at += count;
  }
  return goesOn;
}

function upward(socket: Taker, pass?: (up: Upward, bytes: Buffer) => void): Upward {
  const up: Upward = new Upward(socket, (bytes) => (pass === undefined ? up.add(bytes) : pass(up, bytes)));
  return up;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Large pieces are for sessions that were seen to fill a small one. */
async function busy(up: Upward, socket: TakenDown): Promise<void> {
  read(up, Buffer.alloc(4 * KIB));
  await turn();
  while (socket.held.length > 0) socket.finishOldest();
  socket.writes.length = 0;
}

describe("bytes towards BuildKit", () => {
  it("of one turn of the event loop go in one write, as far as one takes them", async () => {
    const socket = new TakenDown();
    const up = upward(socket);
    await busy(up, socket);
    for (let record = 0; record < 6; record += 1) read(up, Buffer.alloc(16 * KIB, record));
    await turn();
    expect(socket.writes.map(({ length }) => length)).toEqual([64 * KIB, 32 * KIB]);
    expect(up.bytes).toBe(100 * KIB);
  });

  it("that are few and alone go at once", () => {
    const socket = new TakenDown();
    read(upward(socket), Buffer.from("ping"));
    expect(socket.writes.map(String)).toEqual(["ping"]);
  });

  it("are held up once a quarter of a megabyte waits, and not before all of it is taken", async () => {
    const socket = new TakenDown();
    const up = upward(socket);
    await busy(up, socket);
    let records = 1;
    while (read(up, Buffer.alloc(16 * KIB))) {
      await turn();
      records += 1;
    }
    expect(records * 16).toBeGreaterThanOrEqual(256);
    expect(records * 16).toBeLessThan(400);
    up.drained();
    expect(read(up, Buffer.alloc(1))).toBe(true);
  });

  it("are dropped where BuildKit takes no more, and no longer counted", async () => {
    const socket = new TakenDown();
    const up = upward(socket);
    socket.writable = false;
    expect(read(up, Buffer.alloc(100))).toBe(true);
    await turn();
    expect([socket.writes, up.bytes]).toEqual([[], 0]);
  });
});

const step = fc.record({
  length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 16 * KIB }), fc.constant(64 * KIB)),
  endsTurn: fc.boolean(),
  finishes: fc.integer({ min: 0, max: 3 }),
  fails: fc.boolean(),
  /** The guard: what is left out of this record, what is put in its place. */
  cutAt: fc.option(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 40 }))),
});

/** What a guard makes of a record: parts of it in place, and something of its own between. */
function judged(bytes: Buffer, cutAt: readonly [number, number, number] | null): readonly Buffer[] {
  if (cutAt === null) return [bytes];
  const [a, b] = [cutAt[0] % (bytes.length + 1), cutAt[1] % (bytes.length + 1)].toSorted((x, y) => x - y);
  return [bytes.subarray(0, a), Buffer.alloc(cutAt[2], 0xee), bytes.subarray(b)].filter(({ length }) => length > 0);
}

describe.each(["BuildKit", "the client"] as const)("bytes towards %s", (to) => {
  it("arrive whole and in order, whatever the guard makes of them, and none is touched while a write holds it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const socket = new TakenDown();
        const wanted: Buffer[] = [];
        let cutAt: readonly [number, number, number] | null = null;
        const pass = (bytes: Buffer): void => {
          for (const part of judged(bytes, cutAt)) {
            wanted.push(Buffer.from(part));
            direction.add(part);
          }
        };
        const direction = to === "BuildKit" ? new Upward(socket, pass) : new Downward(socket, pass, () => undefined);
        let isSame = true;
        for (const [index, { length, endsTurn, finishes, fails, ...guard }] of steps.entries()) {
          cutAt = guard.cutAt;
          read(direction, Buffer.alloc(length, index));
          if (endsTurn) await turn();
          for (let each = 0; each < finishes; each += 1)
            isSame &&= socket.finishOldest(fails ? new Error("gone") : undefined);
        }
        await turn();
        while (socket.held.length > 0) isSame &&= socket.finishOldest();
        direction.close();
        expect(isSame).toBe(true);
        expect(socket.all.equals(Buffer.concat(wanted))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe("bytes towards the client", () => {
  it("are held up while two large writes wait, and go on when one of them is done", () => {
    const socket = new TakenDown();
    let wentOn = 0;
    const down: Downward = new Downward(
      socket,
      (bytes) => down.add(bytes),
      () => (wentOn += 1),
    );
    read(down, Buffer.alloc(2 * KIB));
    socket.finishOldest();
    expect(read(down, Buffer.alloc(64 * KIB))).toBe(true);
    expect(read(down, Buffer.alloc(64 * KIB))).toBe(false);
    expect(wentOn).toBe(0);
    socket.finishOldest();
    expect(wentOn).toBe(1);
  });
});
