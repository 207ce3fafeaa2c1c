import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/**
 * What a disk was told, in order, as Linux's dm-log-writes keeps it (Documentation/admin-guide/
 * device-mapper/log-writes.rst, drivers/md/dm-log-writes.c) and QEMU's driver "blklogwrites" too:
 * first a superblock of one sector (magic u64, version u64, entries u64, sector's size u32), then
 * for each request a sector that describes it (sector u64, sectors u64, flags u64, length of a mark
 * u64, all little-endian), followed by its data unless it is a discard.
 */
const MAGIC = 0x6a_73_66_77_73_68_72n;
const VERSION = 1n;
const SUPERBLOCK_BYTES = 28;
const ENTRY_BYTES = 32;
const FLUSH = 1;
const FUA = 2;
const DISCARD = 4;

export interface LoggedRequest {
  /** Of the disk. */
  readonly offset: number;
  readonly length: number;
  /** A discard has no data: what was there reads as zeros. */
  readonly is: "write" | "discard";
  /** What was answered before it is on the medium for good. */
  readonly flushesBefore: boolean;
  /** It is itself on the medium for good. */
  readonly forced: boolean;
  /** Of the log: where its data begins. */
  readonly dataAt: number;
  /** Of the log: as long as this it was once the request was in it. */
  readonly logBytes: number;
}

export interface WriteLog {
  readonly file: string;
  readonly sectorBytes: number;
  readonly requests: readonly LoggedRequest[];
}

/**
 * The whole log of a disk that takes no more requests. The number of entries in the superblock is
 * not believed: QEMU writes it now and then, and not in order. @throws {Error} for what is no log.
 */
export function readWriteLog(file: string): WriteLog {
  const handle = openSync(file, "r");
  try {
    const { size } = fstatSync(handle);
    const superblock = bytesAt(handle, 0, SUPERBLOCK_BYTES);
    if (superblock.readBigUInt64LE(0) !== MAGIC || superblock.readBigUInt64LE(8) !== VERSION)
      throw new Error(`${file} is no log of writes of version 1`);
    const sectorBytes = superblock.readUInt32LE(24);
    const requests: LoggedRequest[] = [];
    for (let at = sectorBytes; at < size; ) {
      const entry = bytesAt(handle, at, ENTRY_BYTES);
      const flags = Number(entry.readBigUInt64LE(16));
      const is = (flags & DISCARD) === 0 ? "write" : "discard";
      const [offset = 0, length = 0] = [0, 8].map((place) => Number(entry.readBigUInt64LE(place)) * sectorBytes);
      const dataAt = at + sectorBytes;
      at = dataAt + (is === "write" ? length : 0);
      requests.push({
        ...{ offset, length, is, dataAt, logBytes: at },
        ...{ flushesBefore: (flags & FLUSH) !== 0, forced: (flags & FUA) !== 0 },
      });
    }
    return { file, sectorBytes, requests };
  } finally {
    closeSync(handle);
  }
}

export function bytesAt(handle: number, place: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const got = readSync(handle, bytes, 0, length, place);
  if (got !== length) throw new Error(`A log of writes ends in the middle of a request, at byte ${place + got}`);
  return bytes;
}
