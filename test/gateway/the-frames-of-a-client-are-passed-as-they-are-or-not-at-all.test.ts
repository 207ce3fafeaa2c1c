import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { ClientFrames } from "../../agent/gateway/http2/client-frames.ts";
import { FLAG, frame, PREFACE, TYPE } from "../../agent/gateway/http2/frames.ts";
import { bytesOf, clientSession, OWN } from "./http2/client-session.ts";
import { Dice } from "./http2/dice.ts";
import { huffmanCodes } from "./http2/go-reader.ts";
import { heapBytes } from "./http2/heap.ts";
import { guarded } from "./http2/judged.ts";
import { mutated } from "./http2/mutations.ts";
import { BEGIN, CONTROL, framesOf, PlainClient } from "./http2/plain-client.ts";
import { bytesField, prefixed } from "./http2/protobuf-writer.ts";

const FRAME_MAX_BYTES = 16_384;
const NOTHING = Buffer.alloc(0);

let codes: readonly string[];
beforeAll(async () => {
  codes = await huffmanCodes();
});

const solve = (ref: string) => prefixed(bytesField(1, ref));
const singleBytes = (bytes: Buffer) => [...bytes].map((byte) => Buffer.from([byte]));

/** A connection in which one call was made. */
function begun(): { readonly client: PlainClient; readonly bytes: Buffer } {
  const client = new PlainClient();
  return {
    client,
    bytes: Buffer.concat([BEGIN, client.head(`${CONTROL}ListWorkers`), client.data(prefixed(NOTHING))]),
  };
}

describe("a sound session", () => {
  const client = new PlainClient();
  const bytes = Buffer.concat([
    BEGIN,
    client.head(`${CONTROL}ListWorkers`),
    frame(TYPE.ping, 0, 0, Buffer.alloc(8)),
    client.data(prefixed(NOTHING)),
    client.head(`${CONTROL}Solve`),
    frame(TYPE.window, 0, 0, Buffer.from([0, 1, 0, 0])),
    client.data(solve(OWN.ref).subarray(0, 3), 0),
    client.data(solve(OWN.ref).subarray(3)),
    frame(TYPE.priority, 0, client.stream, Buffer.alloc(5)),
    client.head(`${CONTROL}Session`, [["x-docker-expose-session-uuid", OWN.session]]),
    client.data(Buffer.alloc(FRAME_MAX_BYTES, 7), 0),
    frame(TYPE.reset, 0, client.stream, Buffer.from([0, 0, 0, 8])),
    frame(0x42, 0xff, 9, Buffer.from("unknown")),
    frame(TYPE.goaway, 0, 0, Buffer.alloc(8)),
  ]);

  it.each([
    { how: "whole", chunks: [bytes] },
    { how: "byte by byte", chunks: singleBytes(bytes) },
  ])("passes unchanged, but for its session's key, $how", ({ chunks }) => {
    const { toBuildkit, toClient, refusals, unsound } = guarded(chunks);
    const sent = framesOf(bytes.subarray(PREFACE.length));
    const session = sent.findIndex((each) => each.includes("x-docker-expose-session-uuid"));
    const passed = framesOf(toBuildkit.subarray(PREFACE.length));
    expect(passed[session]?.subarray(3, 9)).toEqual(sent[session]?.subarray(3, 9));
    expect(passed.with(session, NOTHING)).toEqual(sent.with(session, NOTHING));
    expect({ toClient: toClient.length, refusals, unsound }).toEqual({ toClient: 0, refusals: [], unsound: undefined });
  });
});

it("whatever the chunks, the same passes, and the same is refused", () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(0, 0.05, 0.3), fc.boolean(), (seed, odd, isMutated) => {
      const dice = new Dice(seed);
      const frames = clientSession({ dice, odd, codes });
      const bytes = isMutated ? mutated(dice, frames, frames) : bytesOf(frames);
      const { belongings: _, ...whole } = guarded([bytes]);
      expect(guarded(dice.pieces(bytes, 30))).toMatchObject(whole);
      expect(guarded(singleBytes(bytes))).toMatchObject(whole);
    }),
    { numRuns: 300 },
  );
});

const { client, bytes: sound } = begun();
const headers = (flags: number, payload: Buffer, stream = 3) => frame(TYPE.headers, flags, stream, payload);
const more = (flags: number, payload: Buffer, stream = 3) => frame(TYPE.continuation, flags, stream, payload);
const block = client.head(`${CONTROL}ListWorkers`).subarray(9);
const reading = Buffer.concat([sound, client.head(`${CONTROL}Solve`)]);
const readingStream = client.stream;

describe("nothing more is passed, and nothing of it,", () => {
  const bytesEach = (type: number) => frame(type, 0, 1, Buffer.alloc(FRAME_MAX_BYTES + 1));
  it.each([
    { where: "a header block has no end", bytes: [headers(0, block), ...Array<Buffer>(8).fill(more(0, NOTHING))] },
    {
      where: "a header block is too long",
      bytes: [headers(0, block), more(0, Buffer.alloc(16_384)), more(0, Buffer.alloc(16_384))],
    },
    {
      where: "another frame comes within a header block",
      bytes: [headers(0, block), frame(TYPE.ping, 0, 0, Buffer.alloc(8))],
    },
    {
      where: "another stream comes within a header block",
      bytes: [headers(0, block), more(FLAG.endHeaders, NOTHING, 5)],
    },
    { where: "another header block comes within one", bytes: [headers(0, block), headers(FLAG.endHeaders, block, 5)] },
    { where: "a header block goes on that has not begun", bytes: [more(FLAG.endHeaders, block)] },
    {
      where: "a client pushes",
      bytes: [frame(TYPE.push, FLAG.endHeaders, 1, Buffer.concat([Buffer.alloc(4), block]))],
    },
    { where: "a stream is even", bytes: [headers(FLAG.endHeaders, block, 4)] },
    { where: "a stream is none", bytes: [headers(FLAG.endHeaders, block, 0)] },
    { where: "a stream is the same again", bytes: [headers(FLAG.endHeaders, block, 1)] },
    {
      where: "headers are more padding than bytes",
      bytes: [headers(FLAG.endHeaders | FLAG.padded, Buffer.from([2, 0]))],
    },
    { where: "headers lack the padding's length", bytes: [headers(FLAG.endHeaders | FLAG.padded, NOTHING)] },
    { where: "headers lack their priority", bytes: [headers(FLAG.endHeaders | FLAG.priority, Buffer.alloc(4))] },
    { where: "headers are not understood", bytes: [headers(FLAG.endHeaders, Buffer.from([0x80]))] },
    ...[TYPE.data, TYPE.headers, TYPE.ping, TYPE.settings, 0x42].map((type) => ({
      where: `a frame of type ${type} is too long`,
      bytes: [bytesEach(type)],
    })),
    {
      where: "a frame within a header block is too long",
      bytes: [headers(0, NOTHING), more(0, Buffer.alloc(FRAME_MAX_BYTES + 1))],
    },
  ])("where $where", ({ bytes }) => {
    const faulty = bytes as readonly Buffer[];
    const afterwards = headers(FLAG.endHeaders, block, 7);
    for (const chunks of [[Buffer.concat([sound, ...faulty, afterwards])], [sound, ...faulty]]) {
      const { toBuildkit, unsound } = guarded(chunks);
      expect(unsound).toBeDefined();
      expect(toBuildkit.equals(sound)).toBe(true);
    }
  });

  it.each([
    { where: "it is HTTP/1.1", bytes: Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") },
    { where: "its last byte is another", bytes: Buffer.concat([PREFACE.subarray(0, 23), Buffer.from("\r")]) },
  ])("where a connection does not begin as HTTP/2 does: $where", ({ bytes }) => {
    for (const chunks of [[bytes], singleBytes(bytes.subarray(0, PREFACE.length))]) {
      expect(guarded(chunks)).toMatchObject({ toBuildkit: NOTHING, unsound: "it does not begin as HTTP/2 does" });
    }
  });

  it("where a message that is judged has more padding than bytes", () => {
    const padded = frame(TYPE.data, FLAG.padded, readingStream, Buffer.from([9, 0, 0]));
    const { toBuildkit, unsound } = guarded([reading, padded]);
    expect(unsound).toBe("a frame has more padding than bytes");
    expect(toBuildkit.equals(reading)).toBe(true);
  });
});

describe("padding and priority are no part", () => {
  it("of a header block", () => {
    const decorated = Buffer.concat([Buffer.from([3, 0, 0, 0, 1, 15]), block, Buffer.alloc(3)]);
    const bytes = Buffer.concat([sound, headers(FLAG.endHeaders | FLAG.padded | FLAG.priority, decorated)]);
    expect(guarded([bytes])).toMatchObject({ toBuildkit: bytes, unsound: undefined });
  });

  it("of a message", () => {
    const padded = Buffer.concat([Buffer.from([4]), solve(OWN.ref), Buffer.alloc(4, 0x0a)]);
    const bytes = Buffer.concat([reading, frame(TYPE.data, FLAG.padded, readingStream, padded)]);
    expect(guarded([bytes])).toMatchObject({ toBuildkit: bytes, refusals: [], unsound: undefined });
  });
});

describe("what is held back is bounded:", () => {
  /** The most that was waiting at any time. */
  function mostHeld(chunks: readonly Buffer[]): number {
    const given = chunks.map((_, count) => Buffer.concat(chunks.slice(0, count + 1)).length);
    return Math.max(...given.map((bytes, at) => bytes - guarded(chunks.slice(0, at + 1)).toBuildkit.length));
  }

  it("of a header block, what it may be", () => {
    const flood = [headers(0, block), ...Array<Buffer>(7).fill(more(0, Buffer.from([0x82])))];
    expect(guarded([sound, ...flood]).unsound).toBeUndefined();
    expect(mostHeld([sound, ...flood])).toBe(Buffer.concat(flood).length);
    expect(guarded([sound, ...flood, more(0, NOTHING)]).unsound).toContain("a header block of more than");
  });

  it("of a message that is judged, one frame, however long it is", () => {
    const long = prefixed(Buffer.concat([bytesField(1, OWN.ref), bytesField(2, Buffer.alloc(100_000))]));
    const frames = Array.from({ length: 7 }, (_, at) =>
      frame(TYPE.data, 0, readingStream, long.subarray(at * FRAME_MAX_BYTES, (at + 1) * FRAME_MAX_BYTES)),
    );
    const halves = frames.flatMap((each) => [each.subarray(0, 5_000), each.subarray(5_000)]);
    expect(guarded([reading, ...halves])).toMatchObject({ unsound: undefined, refusals: [] });
    expect(mostHeld([reading, ...halves])).toBeLessThan(FRAME_MAX_BYTES);
    expect(mostHeld([reading, ...halves])).toBeGreaterThan(1_000);
  });

  it("of what is not judged, nothing but the header of a frame", () => {
    const data = frame(TYPE.data, 0, 1, Buffer.alloc(FRAME_MAX_BYTES));
    expect(mostHeld([sound, data.subarray(0, 4), data.subarray(4, 8), data.subarray(8, 2_000)])).toBe(8);
    expect(guarded([sound, data.subarray(0, 2_000)]).toBuildkit.length).toBe(sound.length + 2_000);
  });

  it("in memory too, however small the pieces are that it comes in", () => {
    const flood = Buffer.concat([headers(0, Buffer.alloc(16_384)), more(0, Buffer.alloc(16_000))]);
    const judge = () => ({ is: "pass" }) as const;
    const open = Array.from(
      { length: 20 },
      () => new ClientFrames({ send: () => undefined, judge, onFrame: () => undefined }),
    );
    for (const frames of open) frames.take(PREFACE);
    const beforeBytes = heapBytes();
    // But for the last byte, with which all of it would be looked at.
    for (const byte of flood.subarray(0, -1)) for (const frames of open) frames.take(Buffer.from([byte]));
    expect(heapBytes() - beforeBytes).toBeLessThan(3 * open.length * flood.length);
    // They are still there.
    for (const frames of open)
      expect(() => frames.take(Buffer.concat([flood.subarray(-1), more(0, NOTHING, 9)]))).toThrow(
        "a header block is broken off",
      );
  });

  it("calls without a message are 128 at most", () => {
    const many = new PlainClient();
    const heads = Array.from({ length: 128 }, () => many.head(`${CONTROL}Solve`));
    expect(guarded([BEGIN, ...heads]).unsound).toBeUndefined();
    expect(guarded([BEGIN, ...heads, many.head(`${CONTROL}Solve`)]).unsound).toBe(
      "more than 128 calls without a message",
    );
    const reset = frame(TYPE.reset, 0, 1, Buffer.from([0, 0, 0, 8]));
    expect(guarded([BEGIN, ...heads, reset, many.head(`${CONTROL}ListWorkers`)]).unsound).toBeUndefined();
  });
});
