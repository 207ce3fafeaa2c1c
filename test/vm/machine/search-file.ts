import { createReadStream } from "node:fs";

const CHUNK_BYTES = 4 << 20;

/** Which of the needles (each at most 4 KiB) a file holds, wherever they lie in it. */
export async function foundIn(file: string, needles: ReadonlyMap<string, Buffer>): Promise<readonly string[]> {
  const longest = Math.max(...[...needles.values()].map(({ length }) => length));
  const found = new Set<string>();
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
    // A needle may lie across two chunks.
    const text = Buffer.concat([tail, chunk as Buffer]);
    for (const [name, needle] of needles) if (!found.has(name) && text.includes(needle)) found.add(name);
    tail = text.subarray(Math.max(0, text.length - longest + 1));
  }
  return [...found];
}

/** The forms in which a key could have been written down. */
export function formsOf(name: string, key: Uint8Array): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(key);
  return new Map<string, Buffer>([
    [`${name}, raw`, bytes],
    [`${name}, hex`, Buffer.from(bytes.toString("hex"))],
    [`${name}, upper-case hex`, Buffer.from(bytes.toString("hex").toUpperCase())],
    // Three alignments would be another text; ours is always encoded from its first byte.
    [`${name}, base64`, Buffer.from(bytes.toString("base64").replace(/=+$/, ""))],
    [`${name}, base64url`, Buffer.from(bytes.toString("base64url"))],
    // Half of it is as good as all of it to whoever guesses the rest of AES-XTS's two keys.
    [`${name}, first half`, bytes.subarray(0, 32)],
    [`${name}, second half`, bytes.subarray(32)],
  ]);
}
