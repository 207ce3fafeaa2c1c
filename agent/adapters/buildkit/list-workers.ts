import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** What we want to know of `ListWorkersResponse`. */
export interface Workers {
  readonly workers: number;
  /** "linux/amd64", "linux/arm/v7": of all workers, each once. */
  readonly platforms: readonly string[];
  /** BuildKit's own; empty if it does not tell. */
  readonly version: string;
}

/** Of an answer: one worker has some kilobytes. */
export const WORKERS_MAX_BYTES = 256 * 1024;
/** Of a version, and of a part of a platform: v0.33.1, linux. They are told on. */
const TEXT_MAX = 128;
/** BuildKit with every emulator has some twenty. */
const PLATFORMS_MAX = 64;

/**
 * Reads moby.buildkit.v1.ListWorkersResponse (field numbers of BuildKit v0.33.1): record = 1; of a
 * WorkerRecord platforms = 3 and BuildkitVersion = 5; of a Platform Architecture = 1, OS = 2,
 * Variant = 3; of a BuildkitVersion version = 2. Four numbers of a wire format that does not change
 * are less to keep than a copy of BuildKit's contract and its imports.
 */
export function readListWorkers(bytes: Uint8Array): Workers {
  const records = messages(bytes).get(1) ?? [];
  const platforms = new Set<string>();
  let version = "";
  for (const record of records.map(messages)) {
    for (const platform of (record.get(3) ?? []).map(messages))
      platforms.add(
        [2, 1, 3]
          .map((field) => text(platform, field))
          .filter((part) => part !== "")
          .join("/"),
      );
    for (const about of (record.get(5) ?? []).map(messages)) version ||= text(about, 2);
  }
  return { workers: records.length, platforms: [...platforms].slice(0, PLATFORMS_MAX), version };
}

/** The length-delimited fields by number; others are skipped. */
function messages(bytes: Uint8Array): ReadonlyMap<number, readonly Uint8Array[]> {
  const found = new Map<number, Uint8Array[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type !== WireType.LengthDelimited) reader.skip(type, field);
    else {
      const known = found.get(field);
      if (known === undefined) found.set(field, [reader.bytes()]);
      else known.push(reader.bytes());
    }
  }
  return found;
}

function text(fields: ReadonlyMap<number, readonly Uint8Array[]>, field: number): string {
  const bytes = fields.get(field)?.at(-1);
  return bytes === undefined ? "" : new TextDecoder().decode(bytes).slice(0, TEXT_MAX);
}
