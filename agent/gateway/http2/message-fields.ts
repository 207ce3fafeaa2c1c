/**
 * gRPC's length-prefixed message: a byte that says whether it is compressed, four of its length.
 */
const PREFIX_BYTES = 5;

/** BuildKit takes no larger message (containerd's defaults.DefaultMaxRecvMsgSize). */
const MESSAGE_MAX_BYTES = 16 * 1024 * 1024;

/** Refs are of 25 characters, digests of 71. */
const NAME_MAX_BYTES = 256;

/** protobuf's field numbers end here; a tag that is longer is read in more than one way. */
const TAG_MAX = 2 ** 32 - 1;
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A message that is not understood, or that could be read in two ways. */
export class MessageError extends Error {}

/**
 * Reads the first message of a call as its bytes come, and of it the strings in some fields of its
 * first level; nothing else is kept. Bytes are characters of strings, one each.
 */
export class MessageFields {
  /** By field number, once `isWhole`. */
  readonly found = new Map<number, string>();
  isWhole = false;
  readonly #wanted: ReadonlySet<number>;
  #prefix: number[] = [];
  #left = 0;
  /** Of a number under way: what is known of it, and what its next seven bits count for. */
  #number = 0;
  #factor = 1;
  #state: "tag" | "length" | "varint" = "tag";
  #field = 0;
  #skip = 0;
  #value: { readonly bytes: Buffer; filled: number } | undefined;

  constructor(wanted: ReadonlySet<number>) {
    this.#wanted = wanted;
  }

  /** @throws {MessageError} */
  push(data: Buffer): void {
    let at = 0;
    for (; this.#prefix.length < PREFIX_BYTES && at < data.length; at += 1) {
      this.#prefix.push(data[at] ?? 0);
      if (this.#prefix.length === PREFIX_BYTES) this.#begin();
    }
    while (at < data.length && !this.isWhole) at = this.#step(data, at);
  }

  #begin(): void {
    const prefix = Buffer.from(this.#prefix);
    if (prefix.readUInt8(0) !== 0) throw new MessageError("a compressed message");
    this.#left = prefix.readUInt32BE(1);
    if (this.#left > MESSAGE_MAX_BYTES) throw new MessageError(`a message of ${this.#left} bytes`);
    this.#endIfWhole();
  }

  #step(data: Buffer, at: number): number {
    if (this.#skip > 0) return this.#take(data, at);
    this.#left -= 1;
    this.#digit(data[at] ?? 0);
    this.#endIfWhole();
    return at + 1;
  }

  /** The bytes of a value: kept, if it is wanted. */
  #take(data: Buffer, at: number): number {
    const count = Math.min(this.#skip, data.length - at);
    if (this.#value !== undefined) {
      data.copy(this.#value.bytes, this.#value.filled, at, at + count);
      this.#value.filled += count;
    }
    this.#skip -= count;
    this.#left -= count;
    if (this.#skip === 0) this.#endValue();
    this.#endIfWhole();
    return at + count;
  }

  #endValue(): void {
    if (this.#value === undefined) return;
    if (this.found.has(this.#field)) throw new MessageError(`field ${this.#field} is there twice`);
    this.found.set(this.#field, this.#value.bytes.toString("latin1"));
    this.#value = undefined;
  }

  #endIfWhole(): void {
    if (this.#left > 0) return;
    if (this.#state !== "tag" || this.#factor !== 1 || this.#skip > 0)
      throw new MessageError("a message ends within a field");
    this.isWhole = true;
  }

  #digit(byte: number): void {
    this.#number += (byte & 0x7f) * this.#factor;
    this.#factor *= 128;
    // Ten bytes are the longest number that there is.
    if (this.#factor > 128 ** 10) throw new MessageError("a number is too long");
    if ((byte & 0x80) !== 0) return;
    const number = this.#number;
    const state = this.#state;
    this.#number = 0;
    this.#factor = 1;
    this.#state = "tag";
    if (state === "tag") this.#tag(number);
    else if (state === "length") this.#bytes(number);
  }

  #tag(tag: number): void {
    if (tag > TAG_MAX || tag < 8) throw new MessageError("a field has no sound number");
    this.#field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (this.#wanted.has(this.#field) && wire !== WIRE.bytes)
      throw new MessageError(`field ${this.#field} is no string`);
    if (wire === WIRE.varint) this.#state = "varint";
    else if (wire === WIRE.bytes) this.#state = "length";
    else if (wire === WIRE.fixed64) this.#expect(8);
    else if (wire === WIRE.fixed32) this.#expect(4);
    else throw new MessageError("a group, or an unknown kind of field");
  }

  #bytes(length: number): void {
    const isWanted = this.#wanted.has(this.#field);
    if (isWanted && length > NAME_MAX_BYTES) throw new MessageError(`field ${this.#field} is too long`);
    this.#expect(length);
    if (!isWanted) return;
    this.#value = { bytes: Buffer.alloc(length), filled: 0 };
    if (length === 0) this.#endValue();
  }

  #expect(length: number): void {
    if (length > this.#left) throw new MessageError("a field is longer than its message");
    this.#skip = length;
  }
}
