import { decodeHuffman } from "./huffman.ts";
import { STATIC_TABLE } from "./static-table.ts";

/**
 * What BuildKit's end remembers at most: HTTP/2's own default (RFC 9113 section 6.5.2), which it
 * does not change.
 */
const TABLE_MAX_BYTES = 4096;
/** RFC 7541 section 4.1: what a field counts for beside its bytes. */
const FIELD_OVERHEAD_BYTES = 32;
/** No sound number is longer. */
const NUMBER_MAX = 1 << 24;

export type HeaderField = readonly [name: string, value: string];

/** A header block that is not understood: nothing of its connection may be passed on any more. */
export class HpackError extends Error {}

/**
 * Reads the header blocks of one connection, in their order (RFC 7541). Bytes are characters of
 * strings, one each. It is as strict as Go's decoder, which reads the same bytes after us, or
 * stricter.
 */
export class HpackDecoder {
  readonly #listMaxBytes: number;
  /** The oldest first. */
  readonly #table: HeaderField[] = [];
  #tableBytes = 0;
  #tableMaxBytes = TABLE_MAX_BYTES;
  #block: Uint8Array = new Uint8Array();
  #at = 0;
  #pseudoBytes = 0;

  /**
   * `listMaxBytes`: what all fields of a block may count for, decoded, each with its overhead of
   * 32.
   */
  constructor(listMaxBytes: number) {
    this.#listMaxBytes = listMaxBytes;
  }

  /** Of the last block, those before its first field that is no pseudo-header. */
  get pseudoBytes(): number {
    return this.#pseudoBytes;
  }

  /** One whole header block. @throws {HpackError} */
  decode(block: Uint8Array): readonly HeaderField[] {
    this.#block = block;
    this.#at = 0;
    this.#pseudoBytes = 0;
    const fields: HeaderField[] = [];
    let listBytes = 0;
    let isFirst = true;
    while (this.#at < block.length) {
      const field = this.#representation(isFirst);
      isFirst = false;
      if (field === undefined) continue;
      listBytes += bytesOf(field);
      if (listBytes > this.#listMaxBytes) throw new HpackError(`a header list exceeds ${this.#listMaxBytes} bytes`);
      fields.push(field);
      if (field[0].startsWith(":")) this.#pseudoBytes = this.#at;
    }
    return fields;
  }

  #representation(isFirst: boolean): HeaderField | undefined {
    const first = this.#byte();
    if ((first & 0x80) !== 0) return this.#indexed(this.#number(first, 7));
    if ((first & 0x40) !== 0) return this.#remember(this.#literal(this.#number(first, 6)));
    if ((first & 0x20) === 0) return this.#literal(this.#number(first, 4));
    // Go takes one elsewhere too while its table is empty: then it changes nothing.
    if (!isFirst && this.#tableBytes > 0) throw new HpackError("the table's size changes within a header block");
    this.#resize(this.#number(first, 5));
    return undefined;
  }

  #resize(maxBytes: number): void {
    if (maxBytes > TABLE_MAX_BYTES) throw new HpackError(`a header table of ${maxBytes} bytes`);
    this.#tableMaxBytes = maxBytes;
    this.#evict();
  }

  #literal(nameIndex: number): HeaderField {
    const name = nameIndex === 0 ? this.#string() : this.#indexed(nameIndex)[0];
    return [name, this.#string()];
  }

  #remember(field: HeaderField): HeaderField {
    this.#table.push(field);
    this.#tableBytes += bytesOf(field);
    this.#evict();
    return field;
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableMaxBytes) {
      const oldest = this.#table.shift();
      if (oldest === undefined) break;
      this.#tableBytes -= bytesOf(oldest);
    }
  }

  #indexed(index: number): HeaderField {
    const field =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.#table[this.#table.length - (index - STATIC_TABLE.length)];
    if (field === undefined) throw new HpackError(`no header field has index ${index}`);
    return field;
  }

  #string(): string {
    const first = this.#byte();
    const length = this.#number(first, 7);
    const end = this.#at + length;
    if (end > this.#block.length) throw new HpackError("a header block ends within a string");
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    if ((first & 0x80) === 0) return latin1(bytes);
    const decoded = decodeHuffman(bytes);
    if (decoded === undefined) throw new HpackError("a string is no Huffman code");
    return decoded;
  }

  /**
   * RFC 7541 section 5.1: in the low `prefixBits` of `first`, or from there on in seven bits a
   * byte.
   */
  #number(first: number, prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = first & mask;
    if (value < mask) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (value > NUMBER_MAX || factor > NUMBER_MAX) throw new HpackError("a number is too large");
      if ((byte & 0x80) === 0) return value;
    }
  }

  #byte(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw new HpackError("a header block ends within a field");
    this.#at += 1;
    return byte;
  }
}

function bytesOf([name, value]: HeaderField): number {
  return name.length + value.length + FIELD_OVERHEAD_BYTES;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
