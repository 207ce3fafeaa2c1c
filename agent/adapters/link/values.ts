import { z } from "zod";
import { isId } from "../../core/build-identity.ts";
import type { Protocol } from "../../wire/protocol.ts";

/**
 * What goes over `gateway.sock`, in both directions, until either side closes. A new control and a
 * gateway of an older release meet whenever the agent is exchanged under running builds: what is
 * added must be understood by both, and only a change that the other end could misread counts the
 * version up. The longest line is an allow-set of as many builds as the contract allows: 4 MB.
 */
export const LINK: Protocol = {
  name: "link",
  answerer: "the gateway's link",
  version: 1,
  lineMaxBytes: 16 * 1024 * 1024,
};

/** JSON has no integers beyond 2^53: they travel as decimal text. */
export const BigInteger = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform((text) => BigInt(text));

/** Base64. */
export const Bytes = z.base64().transform((text): Uint8Array => new Uint8Array(Buffer.from(text, "base64")));

export const Sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

export const Count = z.int().nonnegative();

/** The last moment that RFC 3339 and the contract's timestamps can say: the end of year 9999. */
const LAST_MOMENT_MS = 253_402_300_799_999;

/** Unix milliseconds that a date can be made of, and told to a control plane. */
export const Moment = z.number().min(0).max(LAST_MOMENT_MS);

/** As the contract tells it in 32 bits. */
export const Count32 = z
  .int()
  .nonnegative()
  .max(2 ** 32 - 1);

/** What a text from a gateway may have, in characters: each costs memory until it is on disk. */
const TEXT_MAX = {
  /** Of a run and of a session. */
  name: 256,
  /** An address and a port; a serial number in hex. */
  short: 256,
  /** Why a session ended: an error's words. */
  detail: 4_096,
} as const;

export const Id = z.string().refine(isId, "not an id");
export const Name = z.string().max(TEXT_MAX.name);
export const Short = z.string().max(TEXT_MAX.short);
export const Detail = z.string().max(TEXT_MAX.detail);

/** A list whose length is looked at before its items are: each that does not fit is a report. */
export function atMost<Item extends z.ZodType>(count: number, item: Item) {
  return z.array(z.unknown()).max(count).pipe(z.array(item));
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
