import { createCipheriv, createHash, createHmac, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";

export interface Certified {
  readonly certPem: string;
  readonly caPem: string;
  readonly certDer: Buffer;
  readonly caDer: Buffer;
  /** Of the certificate's key. */
  readonly spkiSha256: string;
}

/** A CA, and another one's in the place of what it would issue: both are sound. */
export async function certified(): Promise<Certified> {
  const [one, other] = await Promise.all([
    CertificateAuthority.create({ name: "builds" }),
    CertificateAuthority.create({ name: "other" }),
  ]);
  const der = (pem: string): Buffer => new X509Certificate(pem).raw;
  return {
    certPem: other.certPem,
    caPem: one.certPem,
    certDer: der(other.certPem),
    caDer: der(one.certPem),
    spkiSha256: spkiSha256(other.certPem),
  };
}

function spkiSha256(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

const folder = mkdtempSync(join(tmpdir(), "parsers-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** For what reads a file by itself. */
export async function inFile<T>(bytes: Uint8Array, read: (file: string) => T | Promise<T>): Promise<T> {
  files += 1;
  const file = join(folder, `file-${files % 1_000}`);
  await writeFile(file, bytes);
  const value = await read(file);
  return value;
}

/** A length-delimited field of protobuf, of fewer than 2^14 bytes. */
export function field(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

const PAGE_BYTES = 1024;

/** A bbolt file of one page each: two meta pages, then a leaf with the bucket v1, and what is in it. */
export function boltFile(kind: "page" | "inline" = "page"): Buffer {
  const inner = leaf([["snapshots", Buffer.concat([u64(0n), u64(41n)])]]);
  const outer = kind === "inline" ? Buffer.concat([u64(0n), u64(1n), inner]) : Buffer.concat([u64(3n), u64(1n)]);
  return Buffer.concat([meta(1n), meta(2n), padded(leaf([["v1", outer]])), padded(inner)]);
}

function meta(transaction: bigint): Buffer {
  const body = Buffer.concat([
    u32(0xed0cdaed),
    u32(2),
    u32(PAGE_BYTES),
    u32(0),
    u64(2n),
    u64(0n),
    u64(0n),
    u64(4n),
    u64(transaction),
  ]);
  return padded(Buffer.concat([Buffer.alloc(16), body, u64(fnv1a64(body))]));
}

function leaf(entries: readonly (readonly [string, Buffer])[]): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16LE(2, 8);
  head.writeUInt16LE(entries.length, 10);
  let at = entries.length * 16;
  const elements = entries.map(([key, value], index) => {
    const element = Buffer.concat([u32(1), u32(at - index * 16), u32(key.length), u32(value.length)]);
    at += key.length + value.length;
    return element;
  });
  return Buffer.concat([head, ...elements, ...entries.map(([key, value]) => Buffer.concat([Buffer.from(key), value]))]);
}

function padded(page: Buffer): Buffer {
  return Buffer.concat([page, Buffer.alloc(PAGE_BYTES - page.length)]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function fnv1a64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}

const SECRET = Buffer.alloc(32, 7);
const TLS_HANDSHAKE = 22;

/** A client's first message of its handshake (RFC 8446), encrypted in records of a few bytes each. */
export function clientFlight(message: Buffer, recordBytes: number) {
  const records: Buffer[] = [];
  for (let at = 0, sequence = 0; at < message.length; at += recordBytes, sequence += 1)
    records.push(
      tlsRecord(Buffer.concat([message.subarray(at, at + recordBytes), Buffer.from([TLS_HANDSHAKE])]), sequence),
    );
  return { records: Buffer.concat(records), suite: "TLS_AES_128_GCM_SHA256", secret: SECRET };
}

function tlsRecord(inner: Buffer, sequence: number): Buffer {
  const head = Buffer.from([23, 3, 3, 0, 0]);
  head.writeUInt16BE(inner.length + 16, 3);
  const iv = expanded("iv", 12);
  iv.writeUInt32BE((iv.readUInt32BE(8) ^ sequence) >>> 0, 8);
  const cipher = createCipheriv("aes-128-gcm", expanded("key", 16), iv).setAAD(head);
  return Buffer.concat([head, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
}

function expanded(label: string, bytes: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, bytes, name.length]), name, Buffer.from([0, 1])]);
  return createHmac("sha256", SECRET).update(info).digest().subarray(0, bytes);
}

/** TLS's message Certificate, of one certificate and no extensions. */
export function certificateMessage(der: Buffer): Buffer {
  const entry = Buffer.concat([u24(der.length), der, Buffer.from([0, 0])]);
  const body = Buffer.concat([Buffer.from([0]), u24(entry.length), entry]);
  return Buffer.concat([Buffer.from([11]), u24(body.length), body]);
}

function u24(value: number): Buffer {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntBE(value, 0, 3);
  return bytes;
}

/** The same certificate, of a key that is none: the point of its curve has a form that does not exist. */
export function withoutKey(der: Buffer): string {
  const spki = new X509Certificate(der).publicKey.export({ type: "spki", format: "der" });
  const damaged = Buffer.from(der);
  // Two 32-byte numbers, and before them how they are written.
  const form = damaged.indexOf(spki) + spki.length - 65;
  damaged[form] = 5;
  return `-----BEGIN CERTIFICATE-----\n${damaged.toString("base64")}\n-----END CERTIFICATE-----\n`;
}

/** A bbolt file whose leaf says that it has more elements than a page holds. */
export function overfullBoltFile(): Buffer {
  const file = boltFile();
  file.writeUInt16LE(0xffff, 2 * PAGE_BYTES + 10);
  file.fill(0, 2 * PAGE_BYTES + 32, 2 * PAGE_BYTES + 40);
  return file;
}
