import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FLAG, frame, TYPE } from "../../agent/gateway/http2/frames.ts";
import { ServerFrames } from "../../agent/gateway/http2/server-frames.ts";
import { Dice } from "./http2/dice.ts";
import { framesOf } from "./http2/plain-client.ts";

const NOTHING = Buffer.alloc(0);
/** Of a type that BuildKit does not send. */
const ours = (count: number) => frame(0x77, 0, count, Buffer.from("ours"));
const isOurs = (each: Buffer) => each[3] === 0x77;

interface Seen {
  readonly sent: Buffer[];
  readonly data: Map<number, Buffer[]>;
  readonly ended: number[];
  readonly frames: ServerFrames;
}

function watched(): Seen {
  const sent: Buffer[] = [];
  const data = new Map<number, Buffer[]>();
  const ended: number[] = [];
  const frames = new ServerFrames({
    looksInto: () => true,
    send: (bytes) => sent.push(Buffer.from(bytes)),
    onData: (stream, payload) => data.set(stream, [...(data.get(stream) ?? []), Buffer.from(payload)]),
    onEnd: (stream) => ended.push(stream),
  });
  return { sent, data, ended, frames };
}

/**
 * As BuildKit sends them: settings first, header blocks of one frame or more, all else anywhere.
 */
function answers(dice: Dice): readonly Buffer[] {
  const frames = [frame(TYPE.settings, 0, 0, Buffer.alloc(6 * dice.upTo(3)))];
  for (let count = dice.upTo(12); count > 0; count -= 1) {
    const stream = 1 + 2 * dice.upTo(4);
    const payload = Buffer.alloc(dice.pick([0, 1, 8, 9, 10, dice.upTo(300)]), dice.upTo(256));
    const pieces = dice.pieces(payload, 4);
    const block = pieces.map((piece, at) => {
      const flags =
        (at === pieces.length - 1 ? FLAG.endHeaders : 0) | (at === 0 && dice.chance(0.5) ? FLAG.endStream : 0);
      return frame(at === 0 ? TYPE.headers : TYPE.continuation, flags, stream, piece);
    });
    const others = [
      frame(TYPE.data, dice.pick([0, FLAG.endStream]), stream, payload),
      frame(TYPE.ping, 0, 0, Buffer.alloc(8)),
      frame(TYPE.window, 0, stream, Buffer.alloc(4)),
      frame(TYPE.reset, 0, stream, Buffer.alloc(4)),
    ];
    frames.push(...(dice.chance(0.5) ? block : [dice.pick(others)]));
  }
  return frames;
}

it("in any chunking, at any moment: between two whole frames, never first, never within a header block", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const dice = new Dice(seed);
      const theirs = answers(dice);
      const bytes = Buffer.concat(theirs);
      const { sent, data, ended, frames } = watched();
      let put = 0;
      const chunks = dice.pick([() => dice.pieces(bytes, 30), () => [...bytes].map((byte) => Buffer.from([byte]))])();
      for (const chunk of chunks) {
        while (dice.chance(0.2)) frames.put(ours(++put));
        frames.pass(chunk);
      }
      frames.put(ours(++put));
      const passed = framesOf(Buffer.concat(sent));
      // Whole, in their order, and all of them.
      expect(passed.filter(isOurs)).toEqual(Array.from({ length: put }, (_, at) => ours(at + 1)));
      expect(passed.filter((each) => !isOurs(each))).toEqual(theirs);
      for (const [at, each] of passed.entries()) {
        const before = passed.slice(0, at).findLast((other) => !isOurs(other));
        if (!isOurs(each)) continue;
        expect(before).toBeDefined();
        const isBlock = before?.[3] === TYPE.headers || before?.[3] === TYPE.continuation;
        expect(isBlock && ((before[4] ?? 0) & FLAG.endHeaders) === 0).toBe(false);
      }
      const ofType = (type: number) => theirs.filter((each) => each[3] === type);
      for (const [stream, pieces] of data) {
        const whole = ofType(TYPE.data).filter((each) => each.readUInt32BE(5) === stream);
        expect(Buffer.concat(pieces)).toEqual(Buffer.concat(whole.map((each) => each.subarray(9))));
      }
      const ends = theirs.filter(
        (each) => (each[3] === TYPE.headers && ((each[4] ?? 0) & FLAG.endStream) !== 0) || each[3] === TYPE.reset,
      );
      expect(ended).toEqual(ends.map((each) => each.readUInt32BE(5)));
    }),
    { numRuns: 500 },
  );
});

describe("an answer of ours", () => {
  const settings = frame(TYPE.settings, 0, 0, NOTHING);
  const data = frame(TYPE.data, 0, 1, Buffer.from("payload"));

  it("goes at once where no frame is under way", () => {
    const { sent, frames } = watched();
    frames.pass(settings);
    frames.put(ours(1));
    expect(sent).toEqual([settings, ours(1)]);
  });

  it.each([1, 8, 9, 12])("waits for the end of a frame of which %i bytes have come, and for no more", (count) => {
    const { sent, frames } = watched();
    frames.pass(Buffer.concat([settings, data.subarray(0, count)]));
    frames.put(ours(1));
    expect(sent).toHaveLength(1);
    frames.pass(Buffer.concat([data.subarray(count), data.subarray(0, 3)]));
    expect(Buffer.concat(sent)).toEqual(Buffer.concat([settings, data, ours(1), data.subarray(0, 3)]));
  });

  it("waits for BuildKit's settings", () => {
    const { sent, frames } = watched();
    frames.put(ours(1));
    expect(sent).toEqual([]);
    frames.pass(settings);
    expect(Buffer.concat(sent)).toEqual(Buffer.concat([settings, ours(1)]));
  });
});

it("without an answer of ours each chunk is passed as it is, at once", () => {
  const { sent, frames } = watched();
  const bytes = Buffer.concat(answers(new Dice(9)));
  const chunks = new Dice(1).pieces(bytes, 20).filter((chunk) => chunk.length > 0);
  for (const [at, chunk] of chunks.entries()) {
    frames.pass(chunk);
    expect(sent).toHaveLength(at + 1);
    expect(sent.at(-1)).toEqual(chunk);
  }
});
