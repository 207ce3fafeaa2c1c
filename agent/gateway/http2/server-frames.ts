import { FLAG, FRAME_HEADER_BYTES, type FrameHeader, frameHeader, streamOf, TYPE } from "./frames.ts";

export interface ServerFramesOptions {
  /** Towards the client. */
  readonly send: (bytes: Buffer) => void;
  /** Asked at the beginning of each DATA frame. */
  readonly looksInto: (stream: number) => boolean;
  /** Sees the payload of those, in pieces as they come; it must not keep them. */
  readonly onData: (stream: number, payload: Buffer) => void;
  /** BuildKit's side of a stream is over. */
  readonly onEnd: (stream: number) => void;
}

/**
 * Where the frames of BuildKit's side begin and end, so that a frame of ours can be put between two
 * of them. What passes is never held back and never changed.
 */
export class ServerFrames {
  readonly #send: (bytes: Buffer) => void;
  readonly #looksInto: (stream: number) => boolean;
  readonly #onData: (stream: number, payload: Buffer) => void;
  readonly #onEnd: (stream: number) => void;
  readonly #ours: Buffer[] = [];
  /** The bytes of a frame's header that have come so far. */
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  /** The stream whose data is under way, and looked into. */
  #lookedInto: number | undefined;
  #left = 0;
  #inBlock = false;
  #hasBegun = false;

  constructor({ send, looksInto, onData, onEnd }: ServerFramesOptions) {
    this.#send = send;
    this.#looksInto = looksInto;
    this.#onData = onData;
    this.#onEnd = onEnd;
  }

  pass(bytes: Buffer): void {
    let from = 0;
    let at = 0;
    while (at < bytes.length) {
      at += this.#plain(bytes, at) || this.#advance(bytes, at);
      if (this.#ours.length === 0 || !this.#isBetween) continue;
      this.#send(bytes.subarray(from, at));
      from = at;
      this.#sendOurs();
    }
    if (from < bytes.length) this.#send(from === 0 ? bytes : bytes.subarray(from));
  }

  /**
   * Sent at once, or after the frame that is under way; after BuildKit's first, which is its
   * settings.
   */
  put(ours: Buffer): void {
    this.#ours.push(ours);
    if (this.#isBetween) this.#sendOurs();
  }

  get #isBetween(): boolean {
    return this.#hasBegun && this.#left === 0 && this.#headerFilled === 0 && !this.#inBlock;
  }

  #sendOurs(): void {
    for (const ours of this.#ours.splice(0)) this.#send(ours);
  }

  /**
   * As far as a frame of data goes that nobody looks into, or there is of it; 0: it is another one.
   * Nearly all bytes of a build are in such, so that they take no objects on their way.
   */
  #plain(bytes: Buffer, at: number): number {
    if (this.#left > 0 || this.#headerFilled > 0 || bytes.length - at < FRAME_HEADER_BYTES) return 0;
    if (bytes[at + 3] !== TYPE.data || this.#looksInto(streamOf(bytes, at))) return 0;
    const whole = FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
    const there = Math.min(whole, bytes.length - at);
    this.#hasBegun = true;
    this.#lookedInto = undefined;
    this.#left = whole - there;
    return there;
  }

  /** How many bytes it went on: to the end of a header, of a payload, or of what there is. */
  #advance(bytes: Buffer, at: number): number {
    if (this.#left > 0) {
      const count = Math.min(this.#left, bytes.length - at);
      if (this.#lookedInto !== undefined) this.#onData(this.#lookedInto, bytes.subarray(at, at + count));
      this.#left -= count;
      return count;
    }
    if (this.#headerFilled === 0 && bytes.length - at >= FRAME_HEADER_BYTES) {
      this.#begin(frameHeader(bytes, at));
      return FRAME_HEADER_BYTES;
    }
    const count = Math.min(FRAME_HEADER_BYTES - this.#headerFilled, bytes.length - at);
    bytes.copy(this.#header, this.#headerFilled, at, at + count);
    this.#headerFilled += count;
    if (this.#headerFilled === FRAME_HEADER_BYTES) this.#begin(frameHeader(this.#header, 0));
    return count;
  }

  #begin(header: FrameHeader): void {
    this.#headerFilled = 0;
    this.#hasBegun = true;
    this.#lookedInto = header.type === TYPE.data && this.#looksInto(header.stream) ? header.stream : undefined;
    this.#left = header.payloadBytes;
    if (header.type === TYPE.headers || header.type === TYPE.continuation)
      this.#inBlock = (header.flags & FLAG.endHeaders) === 0;
    const endsStream = header.type === TYPE.headers && (header.flags & FLAG.endStream) !== 0;
    if (endsStream || header.type === TYPE.reset) this.#onEnd(header.stream);
  }
}
