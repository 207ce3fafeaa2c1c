import type { HandshakeBytes } from "../ports/handshake-bytes.ts";
import type { Visitor } from "./visitor.ts";

/** TLS's record header: type, version, length. */
const HEADER_BYTES = 5;
const HANDSHAKE = 22;

/**
 * Calls `whole` once, with its length, when a client's first record has come, or more than
 * `mostBytes` of it; it stays to be read.
 */
export function firstRecord(
  visitor: Visitor,
  here: Pick<HandshakeBytes, "read">,
  mostBytes: number,
  whole: (bytes: number) => void,
): void {
  const { raw } = visitor;
  let held: Buffer = Buffer.alloc(0);
  const completes = (bytes: Buffer): boolean => {
    visitor.hasSpoken = true;
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    return isWhole(held) || held.length > mostBytes;
  };
  const finish = (): void => {
    raw.unshift(held);
    whole(held.length);
  };
  const read = (): void => {
    const bytes: unknown = raw.read();
    // Nothing more will come: "end" and "close" follow.
    if (!Buffer.isBuffer(bytes) || !completes(bytes)) return;
    raw.off("readable", read);
    finish();
  };
  // Most clients have said hello by the time that they are accepted: then nobody waits for it.
  const early = here.read(raw, mostBytes + 1);
  if (typeof early !== "string" && completes(Buffer.from(early.buffer, early.byteOffset, early.length))) finish();
  else raw.on("readable", read);
}

/** What is no handshake record is whole: OpenSSL says what is wrong with it. */
function isWhole(bytes: Buffer): boolean {
  if (bytes[0] !== HANDSHAKE) return true;
  return bytes.length >= HEADER_BYTES && bytes.length >= HEADER_BYTES + bytes.readUInt16BE(3);
}
