import {
  CANCEL,
  FLAG,
  FRAME_HEADER_BYTES,
  FRAME_MAX_BYTES,
  type FrameHeader,
  frame,
  frameHeader,
  PREFACE,
  reset,
  SPOILER,
  TYPE,
  unpadded,
  withField,
} from "./frames.ts";
import { type HeaderField, HpackDecoder, HpackError } from "./hpack.ts";
import { MessageError, MessageFields } from "./message-fields.ts";
import { Unsound } from "./unsound.ts";

/** Of a header block, as it is sent: stock clients need some 300 bytes. */
const BLOCK_MAX_BYTES = 32 * 1024;
const BLOCK_MAX_FRAMES = 8;
/** Decoded. */
const LIST_MAX_BYTES = 64 * 1024;
/** Calls whose message has not come yet: stock clients have one or two. */
const READING_MAX = 128;

export type HeadRuling =
  /** `first`: BuildKit is told this before the client's own fields. */
  | { readonly is: "pass"; readonly first?: HeaderField }
  | { readonly is: "refuse" }
  | ({ readonly is: "read" } & Reading);

export interface Reading {
  /** The fields of its message whose strings decide. */
  readonly wanted: ReadonlySet<number>;
  /** Whether it passes, by each piece of it as it comes. */
  readonly inspect: (data: Buffer) => boolean;
  /** Whether it passes, by the strings that were found once it is whole. */
  readonly judge: (found: ReadonlyMap<number, string>) => boolean;
}

export interface ClientFramesOptions {
  /** Towards BuildKit. */
  readonly send: (bytes: Buffer) => void;
  readonly judge: (stream: number, fields: readonly HeaderField[]) => HeadRuling;
  /** A frame that costs BuildKit work beside its bytes; may throw `Unsound`. */
  readonly onFrame: (header: FrameHeader) => void;
}

interface Span {
  readonly bytes: number;
  /** What goes to BuildKit in its place. */
  readonly instead?: Buffer;
}

/**
 * Reads what a client sends, and passes it on unchanged, frame by frame: header blocks and the
 * first messages of some calls once they are judged, all else at once. A refused call never becomes
 * one: its header block is spoilt, or its stream reset before its message is whole. A header block
 * that something is added to goes in frames of our own.
 */
export class ClientFrames {
  readonly #options: ClientFramesOptions;
  readonly #hpack = new HpackDecoder(LIST_MAX_BYTES);
  readonly #reading = new Map<number, Omit<Reading, "wanted"> & { readonly message: MessageFields }>();
  /** What waits to be judged: the first `#heldBytes` of it. It has room for what is `#needed`. */
  #held = Buffer.alloc(0);
  #heldBytes = 0;
  /** So many bytes must have come before it is looked at again. */
  #needed = PREFACE.length;
  /** Bytes of a frame that passes, still to come. */
  #passing = 0;
  #hasBegun = false;
  #lastStream = 0;

  constructor(options: ClientFramesOptions) {
    this.#options = options;
  }

  /** @throws {Unsound} Then what was sound before it has been passed on. */
  take(chunk: Buffer): void {
    if (this.#heldBytes === 0) return this.#walk(chunk);
    if (this.#heldBytes + chunk.length < this.#needed) {
      this.#heldBytes += chunk.copy(this.#held, this.#heldBytes);
      return;
    }
    const bytes = Buffer.concat([this.#held.subarray(0, this.#heldBytes), chunk]);
    this.#held = Buffer.alloc(0);
    this.#heldBytes = 0;
    this.#walk(bytes);
  }

  #walk(bytes: Buffer): void {
    let from = 0;
    let at = Math.min(this.#passing, bytes.length);
    this.#passing -= at;
    try {
      while (at < bytes.length) {
        const plainBytes = this.#plain(bytes, at);
        if (plainBytes > 0) {
          at += plainBytes;
          this.#passing = Math.max(0, at - bytes.length);
          at -= this.#passing;
          continue;
        }
        const span = this.#next(bytes, at);
        if (span === undefined) break;
        if (span.instead !== undefined) {
          this.#send(bytes, from, at);
          this.#options.send(span.instead);
          from = at + span.bytes;
        }
        at += span.bytes;
        if (at > bytes.length) {
          this.#passing = at - bytes.length;
          at = bytes.length;
        }
      }
    } finally {
      this.#send(bytes, from, at);
    }
    if (at < bytes.length) this.#hold(bytes.subarray(at));
  }

  #send(bytes: Buffer, from: number, to: number): void {
    if (from < to) this.#options.send(bytes.subarray(from, to));
  }

  #hold(rest: Buffer): void {
    // A copy: what it was cut from is given back, or large; and many small chunks cost their bytes.
    this.#held = Buffer.allocUnsafe(this.#needed);
    this.#heldBytes = rest.copy(this.#held);
  }

  /**
   * The next whole that is judged together. Undefined: `#needed` bytes from here must have come
   * first.
   */
  #next(bytes: Buffer, at: number): Span | undefined {
    if (!this.#hasBegun) {
      if (!this.#has(bytes, at, PREFACE.length)) return undefined;
      if (!PREFACE.equals(bytes.subarray(at, at + PREFACE.length)))
        throw new Unsound("it does not begin as HTTP/2 does");
      this.#hasBegun = true;
      return { bytes: PREFACE.length };
    }
    if (!this.#has(bytes, at, FRAME_HEADER_BYTES)) return undefined;
    const header = frameHeader(bytes, at);
    const whole = FRAME_HEADER_BYTES + header.payloadBytes;
    if (header.payloadBytes > FRAME_MAX_BYTES) throw new Unsound(`a frame of ${header.payloadBytes} bytes`);
    switch (header.type) {
      case TYPE.headers:
        return this.#headers(bytes, at);
      case TYPE.data:
        return this.#data(bytes, at, header);
      case TYPE.continuation:
      case TYPE.push:
        throw new Unsound(`a frame of type ${header.type} that has no place here`);
      case TYPE.reset:
        this.#reading.delete(header.stream);
        break;
      default:
    }
    this.#options.onFrame(header);
    return { bytes: whole };
  }

  /**
   * The length of a frame of data that nobody looks into, nor counts; 0: it is another one. Nearly
   * all bytes of a build are in such, so that they take no objects on their way.
   */
  #plain(bytes: Buffer, at: number): number {
    if (!this.#hasBegun || this.#reading.size > 0 || bytes.length - at < FRAME_HEADER_BYTES) return 0;
    if (bytes[at + 3] !== TYPE.data) return 0;
    const payloadBytes = bytes.readUIntBE(at, 3);
    return payloadBytes === 0 || payloadBytes > FRAME_MAX_BYTES ? 0 : FRAME_HEADER_BYTES + payloadBytes;
  }

  #has(bytes: Buffer, at: number, count: number): boolean {
    this.#needed = count;
    return bytes.length - at >= count;
  }

  #data(bytes: Buffer, at: number, header: FrameHeader): Span | undefined {
    const whole = FRAME_HEADER_BYTES + header.payloadBytes;
    const reading = this.#reading.get(header.stream);
    if (reading !== undefined && !this.#has(bytes, at, whole)) return undefined;
    this.#options.onFrame(header);
    if (reading === undefined) return { bytes: whole };
    const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + whole);
    const data = unpadded(header, payload);
    if (data === undefined) throw new Unsound("a frame has more padding than bytes");
    const { message, inspect, judge } = reading;
    let passes = inspect(data);
    try {
      message.push(data);
      if (passes && message.isWhole) passes = judge(message.found);
    } catch (failure) {
      if (failure instanceof MessageError) throw new Unsound(`${failure.message} where a name is looked for`);
      throw failure;
    }
    if (!passes || message.isWhole || (header.flags & FLAG.endStream) !== 0) this.#reading.delete(header.stream);
    if (passes) return { bytes: whole };
    // What follows the reset still counts for the connection's window, so it is passed on: to
    // nobody.
    return { bytes: whole, instead: Buffer.concat([reset(header.stream, CANCEL), bytes.subarray(at, at + whole)]) };
  }

  #headers(bytes: Buffer, at: number): Span | undefined {
    const parts: Buffer[] = [];
    let blockBytes = 0;
    let last = at;
    let end = at;
    const first = frameHeader(bytes, at);
    for (let header = first; ; header = frameHeader(bytes, end)) {
      const isFirst = end === at;
      if (!isFirst && (header.type !== TYPE.continuation || header.stream !== first.stream))
        throw new Unsound("a header block is broken off");
      if (header.payloadBytes > FRAME_MAX_BYTES) throw new Unsound(`a frame of ${header.payloadBytes} bytes`);
      blockBytes += header.payloadBytes;
      if (blockBytes > BLOCK_MAX_BYTES || parts.length === BLOCK_MAX_FRAMES)
        throw new Unsound(`a header block of more than ${BLOCK_MAX_BYTES} bytes or ${BLOCK_MAX_FRAMES} frames`);
      last = end;
      const whole = FRAME_HEADER_BYTES + header.payloadBytes;
      if (!this.#has(bytes, at, end - at + whole)) return undefined;
      const payload = bytes.subarray(end + FRAME_HEADER_BYTES, end + whole);
      // A CONTINUATION has neither padding nor priority.
      const part = isFirst ? unpadded(header, payload) : payload;
      if (part === undefined) throw new Unsound("a frame has more padding than bytes");
      parts.push(part);
      end += whole;
      if ((header.flags & FLAG.endHeaders) !== 0) break;
      if (!this.#has(bytes, at, end - at + FRAME_HEADER_BYTES)) return undefined;
    }
    // Counted as one frame with all bytes of its block.
    this.#options.onFrame({ ...first, payloadBytes: blockBytes });
    return { bytes: end - at, ...this.#ruled(first, parts, bytes.subarray(at, end), last - at) };
  }

  #ruled(header: FrameHeader, parts: readonly Buffer[], whole: Buffer, lastFrameAt: number): Pick<Span, "instead"> {
    const { stream, flags } = header;
    // gRPC's clients send no trailers, and begin each call with a higher number.
    if (stream % 2 !== 1 || stream <= this.#lastStream) throw new Unsound(`a header block for stream ${stream}`);
    this.#lastStream = stream;
    const [only = Buffer.alloc(0)] = parts;
    const block = parts.length === 1 ? only : Buffer.concat(parts);
    const ruling = this.#options.judge(stream, this.#decoded(block));
    if (ruling.is === "refuse") return { instead: spoilt(whole, lastFrameAt, stream) };
    if (ruling.is === "pass" && ruling.first !== undefined)
      return { instead: withField(header, block, this.#hpack.pseudoBytes, ruling.first) };
    if (ruling.is === "pass" || (flags & FLAG.endStream) !== 0) return {};
    if (this.#reading.size === READING_MAX) throw new Unsound(`more than ${READING_MAX} calls without a message`);
    const { wanted, inspect, judge } = ruling;
    this.#reading.set(stream, { message: new MessageFields(wanted), inspect, judge });
    return {};
  }

  #decoded(block: Buffer): readonly HeaderField[] {
    try {
      return this.#hpack.decode(block);
    } catch (failure) {
      if (failure instanceof HpackError) throw new Unsound(failure.message);
      throw failure;
    }
  }
}

/** The same header block, and one more field that makes BuildKit's end refuse it. */
function spoilt(whole: Buffer, lastFrameAt: number, stream: number): Buffer {
  const open = Buffer.from(whole);
  open.writeUInt8(open.readUInt8(lastFrameAt + 4) & ~FLAG.endHeaders, lastFrameAt + 4);
  return Buffer.concat([open, frame(TYPE.continuation, FLAG.endHeaders, stream, SPOILER)]);
}
