import { createHash } from "node:crypto";
import { readAt, writeAt } from "./disk-image.ts";

/** LUKS2 on-disk format, section 2.1: the binary header, which the metadata follows. */
const BINARY_BYTES = 4096;
const SIZE_AT = 8;
const CHECKSUM_AT = 448;
const CHECKSUM_BYTES = 64;
const ALGORITHM_AT = 72;

/** As LUKS2 has it, as far as tests change it. */
export interface EditedMetadata {
  readonly keyslots: Record<string, Record<string, unknown> & { area: Record<string, unknown> }>;
  readonly tokens: Record<string, Record<string, unknown>>;
  readonly segments: Record<string, Record<string, unknown>>;
  readonly digests: Record<string, Record<string, unknown>>;
  readonly config: Record<string, unknown>;
}

/**
 * Changes the metadata in both headers of a disk, checksums and all: what anybody can do who writes
 * to the disk, without a key.
 */
export async function editHeader(disk: string, change: (metadata: EditedMetadata) => void): Promise<void> {
  const size = Number((await readAt(disk, 0, BINARY_BYTES)).readBigUInt64BE(SIZE_AT));
  for (const offset of [0, size]) {
    const header = await readAt(disk, offset, size);
    const text = header.subarray(BINARY_BYTES).toString("utf8");
    // The form of LUKS2's own metadata.
    const metadata = JSON.parse(text.slice(0, text.indexOf("\0"))) as EditedMetadata;
    change(metadata);
    header.fill(0, BINARY_BYTES).write(JSON.stringify(metadata), BINARY_BYTES);
    header.fill(0, CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES);
    const algorithm = header.toString("latin1", ALGORITHM_AT, header.indexOf(0, ALGORITHM_AT));
    createHash(algorithm).update(header).digest().copy(header, CHECKSUM_AT);
    await writeAt(disk, offset, header);
  }
}
