import type { Visitor } from "./visitor.ts";

/** TLS's record header: type, version, length. */
const HEADER_BYTES = 5;
const HANDSHAKE = 22;

/**
 * Calls `whole` once, with its length, when a client's first record has come, or more than
 * `mostBytes` of it; it stays to be read.
 */
export function firstRecord(visitor: Visitor, mostBytes: number, whole: (bytes: number) => void): void {
  const { raw } = visitor;
  let held = Buffer.alloc(0);
  const read = (): void => {
    const bytes: unknown = raw.read();
    // Nothing more will come: "end" and "close" follow.
    if (!Buffer.isBuffer(bytes)) return;
    visitor.hasSpoken = true;
    held = Buffer.concat([held, bytes]);
    if (!isWhole(held) && held.length <= mostBytes) return;
    raw.off("readable", read);
    raw.unshift(held);
    whole(held.length);
  };
  raw.on("readable", read);
}

/** What is no handshake record is whole: OpenSSL says what is wrong with it. */
function isWhole(bytes: Buffer): boolean {
  if (bytes[0] !== HANDSHAKE) return true;
  return bytes.length >= HEADER_BYTES && bytes.length >= HEADER_BYTES + bytes.readUInt16BE(3);
}
