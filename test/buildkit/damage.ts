import { randomBytes } from "node:crypto";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";

const PAGE_BYTES = 4096;
/** After a page's header of 16 bytes. */
const META = { root: 32, freelist: 48, transaction: 64, checksum: 72 } as const;

/**
 * The newest meta page's number, and the pages of the root bucket and of the free list that it
 * names.
 */
function newest(file: Buffer): { readonly meta: number; readonly root: number; readonly freelist: number } {
  const transaction = (meta: number): bigint => file.readBigUInt64LE(meta * PAGE_BYTES + META.transaction);
  const meta = transaction(0) > transaction(1) ? 0 : 1;
  const page = (at: number): number => Number(file.readBigUInt64LE(meta * PAGE_BYTES + at));
  return { meta, root: page(META.root), freelist: page(META.freelist) };
}

function change(path: string, how: (file: Buffer) => void): void {
  const file = readFileSync(path);
  how(file);
  writeFileSync(path, file);
}

function page(file: Buffer, number: number): Buffer {
  return file.subarray(number * PAGE_BYTES, (number + 1) * PAGE_BYTES);
}

/**
 * Ways in which a bbolt file (format 2) comes back from a power cut, a torn write or a bad disk.
 */
export const DAMAGE = {
  "without a byte": (path) => truncateSync(path, 0),
  "all garbage": (path) => change(path, (file) => randomBytes(file.length).copy(file)),
  "garbage but for its meta pages": (path) =>
    change(path, (file) => randomBytes(file.length - 2 * PAGE_BYTES).copy(file, 2 * PAGE_BYTES)),
  "zero but for its meta pages": (path) => change(path, (file) => file.fill(0, 2 * PAGE_BYTES)),
  "with both checksums wrong": (path) =>
    change(path, (file) => {
      for (const meta of [0, 1]) file.writeUInt16LE(0x5566, meta * PAGE_BYTES + META.checksum);
    }),
  "with its root page zero": (path) => change(path, (file) => page(file, newest(file).root).fill(0)),
  "with its free list zero": (path) => change(path, (file) => page(file, newest(file).freelist).fill(0)),
  "with another type of root page": (path) =>
    change(path, (file) => page(file, newest(file).root).writeUInt16LE(0x80, 8)),
  "with a root page that counts too many": (path) =>
    change(path, (file) => page(file, newest(file).root).writeUInt16LE(0x0fff, 10)),
  "with a root page larger than any disk": (path) =>
    change(path, (file) => page(file, newest(file).root).writeUInt32LE(0xffffffff, 12)),
} as const satisfies Readonly<Record<string, (path: string) => void>>;

export type Damage = keyof typeof DAMAGE;

/** The last transaction is torn off: bbolt goes on with the one before. */
export function tearLastTransaction(path: string): void {
  change(path, (file) => page(file, newest(file).meta).writeUInt8(0xff, META.transaction));
}

/** Cut where a page ends that is in use: what a file system that lost its length gives back. */
export function cutShort(path: string): void {
  truncateSync(path, 3 * PAGE_BYTES);
}
