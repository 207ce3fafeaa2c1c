import { crc32 } from "node:zlib";
import { z } from "zod";
import type { JournalEntry } from "../../core/journal-entry.ts";
import type { SessionEnding } from "../../core/session.ts";

/**
 * Eight hex digits of CRC-32, a space, the JSON. A checksum tells a damaged line from a good one;
 * it is no protection against forgery.
 */
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
  other: true,
};

/**
 * A newer release may have left out, or said otherwise, what is not needed to know whose session it
 * was: such a record is still sent, without it.
 */
const text = z.string().catch("");
const count = z.number().catch(0);
const opening = {
  sessionId: z.string(),
  build: z.object({ orgId: z.string(), projectId: z.string(), buildId: z.string() }),
  peer: text,
  certificateSerial: text,
  keySpkiSha256: text,
  openedAtMs: count,
};
const summary = z
  .object({
    ...opening,
    durationMs: count,
    bytesFromClient: count,
    bytesToClient: count,
    refusedCalls: z.number().exactOptional().catch(0),
    ending: text,
    detail: text,
  })
  .transform(({ ending, detail, ...rest }) => ({ ...rest, ...understood(ending, detail) }));
const numbered = { bootId: z.string(), next: z.int().min(1) };
const entry = z.discriminatedUnion("is", [
  z.object({ is: z.literal("opened"), ...numbered, runId: z.string(), opening: z.object(opening) }),
  z.object({ is: z.literal("closed"), ...numbered, summary }),
  z.object({ is: z.literal("forgotten"), ...numbered, upTo: z.int().min(0) }),
  z.object({ is: z.literal("dropped"), ...numbered, total: z.int().min(0) }),
  z.object({
    is: z.literal("closed-before"),
    ...numbered,
    runs: z.array(z.tuple([z.string(), z.array(z.int()).refine(areSpans)])),
  }),
  z.object({ is: z.literal("recent"), ...numbered, sessionIds: z.array(z.string()) }),
]) satisfies z.ZodType<JournalEntry>;

export type DecodedLine =
  | { readonly is: "entry"; readonly entry: JournalEntry }
  /**
   * As it was written, but by a newer release: to be kept for it. `numbered` if it says which
   * numbers it took.
   */
  | { readonly is: "unknown"; readonly numbered?: { readonly bootId: string; readonly next: number } }
  | { readonly is: "damaged" };

/** One line, its newline included. */
export function encodeLine(line: JournalEntry): Buffer {
  const json = JSON.stringify(line);
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

/** `line` without its newline. */
export function decodeLine(line: Buffer): DecodedLine {
  const json = line.subarray(PREFIX_LENGTH);
  if (json.byteLength === 0 || line.toString("latin1", 0, PREFIX_LENGTH) !== `${checksum(json)} `)
    return { is: "damaged" };
  const value = parsed(json);
  const known = entry.safeParse(value);
  if (known.success) return { is: "entry", entry: known.data };
  const rest = z.object(numbered).safeParse(value);
  return rest.success ? { is: "unknown", numbered: rest.data } : { is: "unknown" };
}

function parsed(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString());
  } catch {
    return undefined;
  }
}

function understood(ending: string, detail: string): { readonly ending: SessionEnding; readonly detail: string } {
  if (isEnding(ending)) return { ending, detail };
  return { ending: "other", detail: detail === "" ? ending : `${ending}: ${detail}` };
}

function isEnding(value: string): value is SessionEnding {
  return Object.hasOwn(ENDINGS, value);
}

function areSpans(numbers: readonly number[]): boolean {
  return numbers.length % 2 === 0 && numbers.every((number, at) => at === 0 || number >= (numbers[at - 1] ?? 0));
}

function checksum(json: string | Buffer): string {
  return crc32(json).toString(16).padStart(8, "0");
}
