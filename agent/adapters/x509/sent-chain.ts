import { createDecipheriv, createHmac, type DecipherChaCha20Poly1305, type DecipherGCM } from "node:crypto";
import type { ClientFlight } from "../../ports/peer-reader.ts";

interface Suite {
  readonly hash: string;
  readonly keyBytes: number;
  readonly decipher: (key: Uint8Array, iv: Uint8Array) => DecipherGCM | DecipherChaCha20Poly1305;
}

const TAG_BYTES = 16;

/** RFC 8446, appendix B.4, by OpenSSL's names: our cipher suites (agent/gateway/tls-options.ts). */
const SUITES: ReadonlyMap<string, Suite> = new Map([
  [
    "TLS_AES_128_GCM_SHA256",
    { hash: "sha256", keyBytes: 16, decipher: (key, iv) => createDecipheriv("aes-128-gcm", key, iv) },
  ],
  [
    "TLS_AES_256_GCM_SHA384",
    { hash: "sha384", keyBytes: 32, decipher: (key, iv) => createDecipheriv("aes-256-gcm", key, iv) },
  ],
  [
    "TLS_CHACHA20_POLY1305_SHA256",
    {
      hash: "sha256",
      keyBytes: 32,
      decipher: (key, iv) => createDecipheriv("chacha20-poly1305", key, iv, { authTagLength: TAG_BYTES }),
    },
  ],
] satisfies [string, Suite][]);

const HEADER_BYTES = 5;
const IV_BYTES = 12;
const APPLICATION_DATA = 23;
const HANDSHAKE = 22;
const CERTIFICATE = 11;

/**
 * The certificates that a client sent, the leaf first: Node 24 tells a server only the leaf. They
 * are read from the client's own records of the handshake (RFC 8446, sections 5.2 and 4.4.2), which
 * OpenSSL has found good by then. Undefined if they are not there.
 */
export function sentChain({ records, suite, secret }: ClientFlight): readonly Uint8Array[] | undefined {
  const means = SUITES.get(suite);
  if (means === undefined) return undefined;
  const key = expanded(means.hash, secret, "key", means.keyBytes);
  const iv = expanded(means.hash, secret, "iv", IV_BYTES);
  const messages: Buffer[] = [];
  let sequence = 0;
  for (const record of recordsOf(Buffer.from(records))) {
    if (record[0] !== APPLICATION_DATA) continue;
    const inner = opened(means.decipher(key, nonce(iv, sequence)), record);
    sequence += 1;
    if (inner === undefined || inner.type !== HANDSHAKE) return undefined;
    messages.push(inner.content);
    const chain = certificatesIn(Buffer.concat(messages));
    if (chain !== undefined) return chain;
  }
  return undefined;
}

/** HKDF-Expand-Label with no context (section 7.1): one block of HKDF is enough for a key. */
function expanded(hash: string, secret: Uint8Array, label: string, bytes: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, bytes, name.length]), name, Buffer.from([0, 1])]);
  return createHmac(hash, secret).update(info).digest().subarray(0, bytes);
}

/** Section 5.3. A handshake has far fewer than 2^32 records. */
function nonce(iv: Buffer, sequence: number): Buffer {
  const mixed = Buffer.from(iv);
  mixed.writeUInt32BE((mixed.readUInt32BE(IV_BYTES - 4) ^ sequence) >>> 0, IV_BYTES - 4);
  return mixed;
}

function* recordsOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const end = at + HEADER_BYTES + bytes.readUInt16BE(at + 3);
    if (end > bytes.length) return;
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Section 5.4: behind the content stand its type and any number of zeros. */
function opened(decipher: ReturnType<Suite["decipher"]>, record: Buffer) {
  try {
    decipher.setAAD(record.subarray(0, HEADER_BYTES), { plaintextLength: record.length - HEADER_BYTES - TAG_BYTES });
    decipher.setAuthTag(record.subarray(-TAG_BYTES));
    const padded = Buffer.concat([decipher.update(record.subarray(HEADER_BYTES, -TAG_BYTES)), decipher.final()]);
    const last = padded.findLastIndex((byte) => byte !== 0);
    return { type: padded[last], content: padded.subarray(0, Math.max(0, last)) };
  } catch {
    return undefined;
  }
}

/** Type, and a length of three bytes. A client may send them in records of their own. */
const MESSAGE_HEADER_BYTES = 4;

/**
 * Undefined until the message is whole. A client sends it first.
 * @throws {RangeError} where lengths in it do not fit, which OpenSSL would not have found good.
 */
function certificatesIn(messages: Buffer): readonly Uint8Array[] | undefined {
  if (messages[0] !== CERTIFICATE || messages.length < MESSAGE_HEADER_BYTES) return undefined;
  if (messages.length < MESSAGE_HEADER_BYTES + messages.readUIntBE(1, 3)) return undefined;
  const chain: Uint8Array[] = [];
  const context = 4 + 1 + messages.readUInt8(4);
  const end = context + 3 + messages.readUIntBE(context, 3);
  for (let at = context + 3; at < end; ) {
    const certificateEnd = at + 3 + messages.readUIntBE(at, 3);
    chain.push(messages.subarray(at + 3, certificateEnd));
    at = certificateEnd + 2 + messages.readUInt16BE(certificateEnd);
  }
  return chain;
}
