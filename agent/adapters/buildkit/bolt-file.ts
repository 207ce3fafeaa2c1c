import { type FileHandle, open } from "node:fs/promises";

/**
 * Reads a bucket's sequence out of a bbolt file (format 2 of bbolt v1.5.0, little-endian) that is
 * sound and that nobody writes to. The program `bbolt` shows keys and values, but not this.
 *
 * A page begins with id u64, flags u16, count u16, overflow u32, then its elements: in a branch
 * position u32, key's size u32, page u64; in a leaf flags u32, position u32, key's size u32,
 * value's size u32. Positions count from the element's own place. A bucket's value begins with its
 * root page u64 and its sequence u64; where that page is 0, the page follows inline. Undefined
 * where there is no such bucket, and where something points out of its page: the file is damaged.
 */
export async function bucketSequence(file: string, path: readonly string[]): Promise<bigint | undefined> {
  const handle = await open(file, "r");
  try {
    const bolt = await newestMeta(handle);
    if (bolt === undefined) return undefined;
    let bucket: Buffer | undefined = bolt.rootBucket;
    for (const name of path) bucket = bucket && (await child(handle, bolt.pageBytes, bucket, Buffer.from(name)));
    return bucket?.readBigUInt64LE(8);
  } catch (failure) {
    if (failure instanceof RangeError) return undefined;
    throw failure;
  } finally {
    await handle.close();
  }
}

const HEADER_BYTES = 16;
const ELEMENT_BYTES = 16;
const BUCKET_BYTES = 16;
const BRANCH = 1;
const LEAF = 2;
const IS_BUCKET = 1;
/** A tree of pages is a few levels deep; one that is deeper leads in a circle. */
const DEPTH_MAX = 64;
const PAGE_MAX_BYTES = 64 * 1024 * 1024;

const MAGIC = 0xed0cdaed;
const VERSION = 2;
/**
 * Magic, version, page's size and flags u32 each; root's page and sequence, free list, high water
 * mark, transaction u64 each; then the checksum.
 */
const META_BYTES = 64;
/**
 * The second meta page begins where the first ends, and the page's size is the machine's: from 1
 * KiB on, as bbolt looks for it.
 */
const PAGE_SIZES = Array.from({ length: 16 }, (_, at) => 1024 << at);

interface Bolt {
  readonly pageBytes: number;
  readonly rootBucket: Buffer;
  readonly transaction: bigint;
}

/** There are two, written by turns: the one of the last transaction, unless it was torn. */
async function newestMeta(handle: FileHandle): Promise<Bolt | undefined> {
  const first = await metaAt(handle, 0);
  const places = first === undefined ? PAGE_SIZES : [first.pageBytes];
  const seconds = await Promise.all(places.map((place) => metaAt(handle, place)));
  return [first, ...seconds]
    .filter((meta) => meta !== undefined)
    .toSorted((a, b) => (a.transaction < b.transaction ? 1 : -1))[0];
}

async function metaAt(handle: FileHandle, place: number): Promise<Bolt | undefined> {
  const meta = await bytesAt(handle, place + HEADER_BYTES, META_BYTES);
  if (meta === undefined || meta.readUInt32LE(0) !== MAGIC || meta.readUInt32LE(4) !== VERSION) return undefined;
  if (meta.readBigUInt64LE(56) !== fnv1a64(meta.subarray(0, 56))) return undefined;
  return {
    pageBytes: meta.readUInt32LE(8),
    rootBucket: meta.subarray(16, 32),
    transaction: meta.readBigUInt64LE(48),
  };
}

/** The value of the bucket `name` in the bucket whose value is `parent`. */
async function child(handle: FileHandle, pageBytes: number, parent: Buffer, name: Buffer): Promise<Buffer | undefined> {
  const root = parent.readBigUInt64LE(0);
  let page = root === 0n ? parent.subarray(BUCKET_BYTES) : await pageAt(handle, pageBytes, root);
  for (let depth = 0; page !== undefined && depth < DEPTH_MAX; depth += 1) {
    const flags = page.readUInt16LE(8);
    if (flags === LEAF) return inLeaf(page, name);
    if (flags !== BRANCH) return undefined;
    page = await pageAt(handle, pageBytes, below(page, name));
  }
  return undefined;
}

function inLeaf(page: Buffer, name: Buffer): Buffer | undefined {
  for (let at = HEADER_BYTES, left = page.readUInt16LE(10); left > 0; left -= 1, at += ELEMENT_BYTES) {
    const key = at + page.readUInt32LE(at + 4);
    const value = key + page.readUInt32LE(at + 8);
    if (name.equals(page.subarray(key, value)))
      return page.readUInt32LE(at) === IS_BUCKET ? page.subarray(value, value + page.readUInt32LE(at + 12)) : undefined;
  }
  return undefined;
}

/** The page below that may hold `name`: the last one that begins no later. */
function below(page: Buffer, name: Buffer): bigint {
  let found = page.readBigUInt64LE(HEADER_BYTES + 8);
  for (let at = HEADER_BYTES, left = page.readUInt16LE(10); left > 0; left -= 1, at += ELEMENT_BYTES) {
    const key = at + page.readUInt32LE(at);
    if (Buffer.compare(page.subarray(key, key + page.readUInt32LE(at + 4)), name) > 0) break;
    found = page.readBigUInt64LE(at + 8);
  }
  return found;
}

async function pageAt(handle: FileHandle, pageBytes: number, id: bigint): Promise<Buffer | undefined> {
  const place = Number(id) * pageBytes;
  const overflow = (await bytesAt(handle, place, HEADER_BYTES))?.readUInt32LE(12);
  if (overflow === undefined || (overflow + 1) * pageBytes > PAGE_MAX_BYTES) return undefined;
  return bytesAt(handle, place, (overflow + 1) * pageBytes);
}

async function bytesAt(handle: FileHandle, place: number, length: number): Promise<Buffer | undefined> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, place);
  return bytesRead === length ? buffer : undefined;
}

function fnv1a64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}
