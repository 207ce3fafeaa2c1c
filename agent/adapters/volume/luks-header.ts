import { z } from "zod";
import { type HeaderMetadata, headerFault } from "../../core/volume/header-form.ts";
import type { HeaderProof, LabelFacts, LuksFacts, LuksHeader } from "../../core/volume/inventory.ts";
import type { RunCommand } from "./command.ts";
import { dumpHeader, readUuid, tryKey } from "./cryptsetup.ts";
import type { HeaderCopy } from "./header-copy.ts";
import { headerMac, isSameMac, labelMac, macKeyOf } from "./label-mac.ts";
import { findToken, type LabelToken } from "./label-token.ts";

const MetadataSchema = z.looseObject({
  keyslots: z.record(z.string(), z.unknown()),
  tokens: z.record(z.string(), z.unknown()),
});

export interface HeaderReader {
  readonly run: RunCommand;
  /** Of this machine, for per-boot labels. */
  readonly labelKey: Uint8Array | undefined;
  /** The order's. */
  readonly givenKey: Uint8Array | undefined;
}

/** What a LUKS header says, and whether the given key opens it. */
export async function readHeader(reader: HeaderReader, copy: HeaderCopy, signal: AbortSignal): Promise<LuksFacts> {
  const { run } = reader;
  const dumped = await run(dumpHeader(copy.path), signal);
  const parsed = dumped.code === 0 ? parse(dumped.stdout) : undefined;
  if (parsed === undefined) return { is: beginsAsLuks2(copy.bytes) ? "torn" : "unreadable" };
  const { tokens, ...rest } = parsed;
  const metadata: HeaderMetadata = new Map(leaves(rest, []));
  const uuid = (await run(readUuid(copy.path), signal)).stdout.trim();
  const label = labelFacts(reader, Object.values(tokens), metadata);
  const header = { uuid, keySlots: Object.keys(parsed.keyslots).length, label, metadata };
  return { is: "readable", ...header, ...(await keyFacts(reader, copy, header, signal)) };
}

/**
 * A key goes only to a header of our form: what it costs to try one, in time and memory, is said by
 * the header.
 */
async function keyFacts(
  { run, givenKey }: HeaderReader,
  { path }: HeaderCopy,
  { keySlots, metadata }: LuksHeader,
  signal: AbortSignal,
): Promise<Pick<LuksHeader, "keyFits">> {
  if (givenKey === undefined) return {};
  if (keySlots === 0) return { keyFits: false };
  if (headerFault(metadata) !== undefined) return {};
  return { keyFits: (await run(tryKey(path), signal, givenKey)).code === 0 };
}

function labelFacts(
  { labelKey, givenKey }: HeaderReader,
  tokens: readonly unknown[],
  metadata: HeaderMetadata,
): LabelFacts {
  const token = findToken(tokens);
  if (token === "none" || token === "malformed") return { is: token };
  const { claims, mac } = token;
  const key = claims.kind === "per-boot" ? labelKey : givenKey && macKeyOf(givenKey);
  const authentic = key !== undefined && isSameMac(mac, labelMac(claims, key));
  return { is: "there", claims, authentic, header: proofOf(token, metadata, key) };
}

function proofOf({ claims, headerMac: mac }: LabelToken, metadata: HeaderMetadata, key?: Uint8Array): HeaderProof {
  if (mac === undefined) return "none";
  const right = key !== undefined && isSameMac(mac, headerMac(claims.luksUuid, metadata, key));
  return right ? "authentic" : "altered";
}

/** As deep as cryptsetup's own reader goes (json-c, JSON_TOKENER_DEFAULT_DEPTH). */
const DEPTH_MAX = 32;

/** What lies deeper is told as one value, which no header of ours has. */
function leaves(value: unknown, path: readonly string[]): readonly (readonly [path: string, value: string])[] {
  const members = typeof value === "object" && value !== null ? Object.entries(value) : [];
  if (path.length > DEPTH_MAX) return [[path.map(encoded).join("/"), "(nested too deeply)"]];
  if (members.length > 0) return members.flatMap(([name, member]) => leaves(member, [...path, name]));
  return [[path.map(encoded).join("/"), typeof value === "string" ? value : JSON.stringify(value)]];
}

function encoded(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F");
}

/** The magic and the version of the first header (LUKS2 on-disk format, section 2.1). */
function beginsAsLuks2(bytes: Buffer): boolean {
  return bytes.subarray(0, 8).equals(Buffer.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 2]));
}

/** Ours has 12 KiB. To read what is nested without end takes longer than its length says. */
const JSON_MAX_CHARS = 1024 * 1024;

function parse(json: string): z.output<typeof MetadataSchema> | undefined {
  if (json.length > JSON_MAX_CHARS) return undefined;
  try {
    return MetadataSchema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}
