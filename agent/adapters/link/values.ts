import { z } from "zod";
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

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
