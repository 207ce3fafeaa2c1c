import { type FileHandle, open } from "node:fs/promises";
import { type Content, samplePlaces } from "../../core/volume/samples.ts";
import { HEADER_BYTES } from "../../core/volume/sizes.ts";

const CHUNK_BYTES = 1024 * 1024;
const ONES = 0xff;

/**
 * Reads a device where the samples are, until something tells: blank is only what has nothing but
 * zeros in all of them, or nothing but ones. Reads 96 MiB at most. A device that ends before its
 * size does is not blank.
 */
export async function readSamples(path: string, sizeBytes: number, signal: AbortSignal): Promise<Content> {
  const device = await open(path, "r");
  try {
    return await look(device, sizeBytes, signal);
  } finally {
    await device.close();
  }
}

async function look(device: FileHandle, sizeBytes: number, signal: AbortSignal): Promise<Content> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let fill: number | undefined;
  let first: number | undefined;
  for (const offset of chunks(sizeBytes)) {
    signal.throwIfAborted();
    const { bytesRead } = await device.read(buffer, 0, Math.min(CHUNK_BYTES, sizeBytes - offset), offset);
    fill ??= buffer[0] === ONES ? ONES : 0;
    const at = bytesRead === 0 ? 0 : firstOther(buffer.subarray(0, bytesRead), fill);
    if (at === -1) continue;
    first ??= offset + at;
    // Within the header one find is enough; whether there is more behind it matters still.
    if (offset >= HEADER_BYTES) return { is: "data", at: first, headerOnly: false };
  }
  return first === undefined ? { is: "blank" } : { is: "data", at: first, headerOnly: true };
}

function* chunks(sizeBytes: number): Generator<number, void, undefined> {
  for (const { offset, length } of samplePlaces(sizeBytes))
    for (let at = offset; at < offset + length; at += CHUNK_BYTES) yield at;
}

const BLANKS: Readonly<Record<number, Buffer>> = {
  0: Buffer.alloc(CHUNK_BYTES, 0),
  [ONES]: Buffer.alloc(CHUNK_BYTES, ONES),
};

/** -1: every byte is `fill`. */
function firstOther(bytes: Buffer, fill: number): number {
  const blank = BLANKS[fill];
  if (blank !== undefined && bytes.equals(blank.subarray(0, bytes.length))) return -1;
  return bytes.findIndex((byte) => byte !== fill);
}
