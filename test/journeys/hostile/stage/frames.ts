import type { TLSSocket } from "node:tls";
import { gzipSync } from "node:zlib";
import { FLAG, frame, frameHeader, PREFACE, reset, TYPE } from "../../../../agent/gateway/http2/frames.ts";

/** What somebody does to a connection of HTTP/2, again and again. */
export interface Misconduct {
  readonly what: string;
  /** Once, when the call has come, which is stream 1. */
  readonly first?: Buffer;
  /** Without end, as fast as it is taken. */
  readonly again: (at: number) => Buffer;
}

const CALL = 1;
const NOTHING = Buffer.alloc(0);
const SETTINGS = frame(TYPE.settings, 0, 0, NOTHING);
const PIECE_BYTES = 16_384;
const BOMB_BYTES = 512 * 1024 * 1024;

/** HPACK: literals, which enter no table. */
const headers = (...pairs: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat(
    pairs.map(([name, value]) =>
      Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]),
    ),
  );
const answer = (...more: readonly (readonly [string, string])[]): Buffer =>
  frame(
    TYPE.headers,
    FLAG.endHeaders,
    CALL,
    headers([":status", "200"], ["content-type", "application/grpc"], ...more),
  );
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const goAway = frame(TYPE.goaway, 0, 0, Buffer.concat([u32(0), u32(0), Buffer.alloc(1_000, "x")]));
const data = (bytes: Buffer): Buffer => frame(TYPE.data, 0, CALL, bytes);
const message = (flag: number, length: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([flag]), u32(length), bytes]);

/** A gigabyte would take the test longer than what it tries. */
function bomb(): Buffer {
  const packed = gzipSync(Buffer.alloc(BOMB_BYTES));
  const whole = message(1, packed.length, packed);
  const pieces: Buffer[] = [];
  for (let from = 0; from < whole.length; from += PIECE_BYTES)
    pieces.push(data(whole.subarray(from, from + PIECE_BYTES)));
  return Buffer.concat(pieces);
}

export const MISCONDUCT: readonly Misconduct[] = [
  { what: "its call is reset", again: () => reset(CALL, 7) },
  { what: "the connection is to go away", again: () => goAway },
  { what: "it is to answer a ping", again: (at) => frame(TYPE.ping, 0, 0, Buffer.concat([u32(at), u32(at)])) },
  {
    what: "it is to take settings",
    again: (at) => frame(TYPE.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), u32(at % 65_535)])),
  },
  { what: "windows grow", first: answer(), again: () => frame(TYPE.window, 0, CALL, u32(1)) },
  {
    what: "priorities change",
    first: answer(),
    again: (at) => frame(TYPE.priority, 0, 3 + 2 * (at % 1_000_000), Buffer.concat([u32(0), Buffer.from([7])])),
  },
  { what: "pieces without a byte come", first: answer(), again: () => data(NOTHING) },
  { what: "frames of no known type come", first: answer(), again: () => frame(0x77, 0xff, CALL, Buffer.alloc(1_000)) },
  {
    what: "headers go on without end",
    first: frame(TYPE.headers, 0, CALL, headers([":status", "200"])),
    again: () => frame(TYPE.continuation, 0, CALL, headers(["x", "y".repeat(100)])),
  },
  {
    what: "trailers are megabytes",
    first: Buffer.concat([answer(), frame(TYPE.headers, FLAG.endStream, CALL, headers(["grpc-status", "14"]))]),
    again: (at) => frame(TYPE.continuation, 0, CALL, headers([`x-${at % 1_000}`, "y".repeat(100)])),
  },
  {
    what: "a message of 4 GB is begun",
    first: Buffer.concat([answer(), data(message(0, 0xffffffff, NOTHING))]),
    again: () => data(Buffer.alloc(1_000)),
  },
  {
    what: "a message goes on after it was unpacked",
    first: Buffer.concat([answer(["grpc-encoding", "gzip"]), bomb()]),
    again: () => data(NOTHING),
  },
  {
    what: "the call is half closed",
    first: Buffer.concat([answer(), frame(TYPE.data, FLAG.endStream, CALL, NOTHING)]),
    again: () => frame(TYPE.ping, FLAG.acknowledges, 0, Buffer.alloc(8)),
  },
  {
    what: "calls are pushed that nobody asked for",
    first: answer(),
    again: (at) =>
      frame(TYPE.push, FLAG.endHeaders, CALL, Buffer.concat([u32(2 + 2 * at), headers([":method", "GET"])])),
  },
  { what: "bytes are no frames", again: () => Buffer.alloc(1_000, 0xff) },
];

/** As fast as the other end takes it; how often so far is told by `onEach`. */
export function misbehave(socket: TLSSocket, { first = NOTHING, again }: Misconduct, onEach: () => void): void {
  socket.write(SETTINGS);
  let heard = Buffer.alloc(0);
  const begin = (): void => {
    socket.off("data", hear);
    // What it answers is not read: it has to bear that too.
    socket.pause();
    socket.write(first);
    pour(socket, again, onEach);
  };
  const hear = (chunk: Buffer): void => {
    heard = Buffer.concat([heard, chunk]);
    if (hasCall(heard)) begin();
  };
  socket.on("data", hear);
}

function hasCall(heard: Buffer): boolean {
  for (let at = PREFACE.length; at + 9 <= heard.length; ) {
    const { type, payloadBytes } = frameHeader(heard, at);
    if (type === TYPE.headers) return true;
    at += 9 + payloadBytes;
  }
  return false;
}

const BEFORE_A_PAUSE = 200;

function pour(socket: TLSSocket, again: Misconduct["again"], onEach: () => void): void {
  let at = 0;
  const some = (): void => {
    for (let count = 0; count < BEFORE_A_PAUSE; count += 1) {
      if (socket.destroyed || !socket.writable) return;
      onEach();
      if (!socket.write(again((at += 1)))) {
        socket.once("drain", some);
        return;
      }
    }
    setImmediate(some);
  };
  some();
}
