import { randomUUID } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { LabelFacts, LuksFacts, LuksHeader } from "../../core/volume/inventory.ts";
import { HEADER_BYTES } from "../../core/volume/sizes.ts";
import type { RunCommand } from "./command.ts";
import { dumpHeader, readUuid, tryKey } from "./cryptsetup.ts";
import { isAuthentic, macKeyOf } from "./label-mac.ts";
import { findToken } from "./label-token.ts";

const MetadataSchema = z.object({
  keyslots: z.record(z.string(), z.unknown()),
  tokens: z.record(z.string(), z.unknown()),
});

export interface HeaderReader {
  readonly run: RunCommand;
  /** Where a copy may lie for a moment: in memory, of root's. */
  readonly scratchDir: string;
  /** Of this machine, for per-boot labels. */
  readonly labelKey: Uint8Array | undefined;
  /** The order's. */
  readonly givenKey: Uint8Array | undefined;
}

/**
 * What a LUKS header says, and whether the given key opens it. It is read from a copy: cryptsetup repairs a damaged header of whatever it reads, and
 * nothing may be written to a device that is not proven to be ours.
 */
export async function readHeader(
  reader: HeaderReader,
  path: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<LuksFacts> {
  const copy = join(reader.scratchDir, `header-${randomUUID()}`);
  try {
    const bytes = await copyHeader(path, copy, sizeBytes, reader.scratchDir);
    const dumped = await reader.run(dumpHeader(copy), signal);
    const metadata = dumped.code === 0 ? parse(dumped.stdout) : undefined;
    if (metadata === undefined) return { is: beginsAsLuks2(bytes) ? "torn" : "unreadable" };
    const uuid = (await reader.run(readUuid(copy), signal)).stdout.trim();
    return { is: "readable", uuid, ...(await judged(reader, copy, metadata, signal)) };
  } finally {
    await rm(copy, { force: true });
  }
}

async function judged(
  reader: HeaderReader,
  copy: string,
  { keyslots, tokens }: z.output<typeof MetadataSchema>,
  signal: AbortSignal,
): Promise<Omit<LuksHeader, "uuid">> {
  const { givenKey, run } = reader;
  const keySlots = Object.keys(keyslots).length;
  const label = labelFacts(reader, Object.values(tokens));
  if (givenKey === undefined) return { keySlots, label };
  const keyFits = keySlots > 0 && (await run(tryKey(copy), signal, givenKey)).code === 0;
  return { keySlots, label, keyFits };
}

function labelFacts({ labelKey, givenKey }: HeaderReader, tokens: readonly unknown[]): LabelFacts {
  const token = findToken(tokens);
  if (token === "none" || token === "malformed") return { is: token };
  const { claims, mac } = token;
  const key = claims.kind === "per-boot" ? labelKey : givenKey && macKeyOf(givenKey);
  return { is: "there", claims, authentic: key !== undefined && isAuthentic(claims, mac, key) };
}

/** The magic and the version of the first header (LUKS2 on-disk format, section 2.1). */
function beginsAsLuks2(bytes: Buffer): boolean {
  return bytes.subarray(0, 8).equals(Buffer.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 2]));
}

async function copyHeader(path: string, copy: string, sizeBytes: number, directory: string): Promise<Buffer> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const bytes = Buffer.alloc(Math.min(HEADER_BYTES, sizeBytes));
  const device = await open(path, "r");
  try {
    await device.read(bytes, 0, bytes.length, 0);
  } finally {
    await device.close();
  }
  const file = await open(copy, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    // As long as the device, and empty behind the header: cryptsetup compares sizes.
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
  return bytes;
}

function parse(json: string): z.output<typeof MetadataSchema> | undefined {
  try {
    return MetadataSchema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}
