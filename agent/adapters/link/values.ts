import { z } from "zod";

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
