import { crc32 } from "node:zlib";
import { z } from "zod";
import type { JournalEntry } from "../../core/journal-entry.ts";
import type { SessionEnding } from "../../core/session.ts";

/** Eight hex digits of CRC-32, a space, the JSON. A checksum tells a damaged line from a good one; it is no protection against forgery. */
const PREFIX_LENGTH = 9;

/** A table, so that a new ending cannot be forgotten here. */
const ENDINGS: Readonly<Record<SessionEnding, true>> = {
  "client-closed": true,
  "buildkit-closed": true,
  "client-error": true,
  "buildkit-error": true,
  "build-ended": true,
  "build-revoked": true,
  "grant-expired": true,
  "certificate-expired": true,
  "ca-withdrawn": true,
  "drain-deadline": true,
  "gateway-lost": true,
};

const opening = {
  sessionId: z.string(),
  build: z.object({ orgId: z.string(), projectId: z.string(), buildId: z.string() }),
  peer: z.string(),
  certificateSerial: z.string(),
  keySpkiSha256: z.string(),
  openedAtMs: z.number(),
};
const summary = z.object({
  ...opening,
  durationMs: z.number(),
  bytesFromClient: z.number(),
  bytesToClient: z.number(),
  ending: z.custom<SessionEnding>((value) => typeof value === "string" && Object.hasOwn(ENDINGS, value)),
  detail: z.string(),
});
const numbered = { bootId: z.string(), next: z.int().min(1) };
const entry = z.discriminatedUnion("is", [
  z.object({ is: z.literal("opened"), ...numbered, runId: z.string(), opening: z.object(opening) }),
  z.object({ is: z.literal("closed"), ...numbered, summary }),
  z.object({ is: z.literal("forgotten"), ...numbered, upTo: z.int().min(0) }),
  z.object({ is: z.literal("dropped"), ...numbered, total: z.int().min(0) }),
  z.object({ is: z.literal("recent"), ...numbered, sessionIds: z.array(z.string()) }),
]) satisfies z.ZodType<JournalEntry>;

/** One line, its newline included. */
export function encodeLine(line: JournalEntry): Buffer {
  const json = JSON.stringify(line);
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

/** `line` without its newline. Undefined if it is damaged, or says what this version does not know. */
export function decodeLine(line: Buffer): JournalEntry | undefined {
  const json = line.subarray(PREFIX_LENGTH);
  if (line.toString("latin1", 0, PREFIX_LENGTH) !== `${checksum(json)} `) return undefined;
  try {
    return entry.parse(JSON.parse(json.toString()));
  } catch {
    return undefined;
  }
}

function checksum(json: string | Buffer): string {
  return crc32(json).toString(16).padStart(8, "0");
}
