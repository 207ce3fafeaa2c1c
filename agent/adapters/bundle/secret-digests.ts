import { createHmac } from "node:crypto";
import { formsOf, SECRET_MIN_BYTES } from "./secret-forms.ts";

/**
 * What some secrets look like, for whoever searches a text for them and must not learn them: of
 * each form its length, a keyed hash of the whole, and two of its first and last bytes, which say
 * quickly where it cannot be. They serve to check a guess, and nothing else.
 */
export interface SecretDigests {
  /** 32 random bytes. */
  readonly key: Buffer;
  readonly digests: readonly SecretDigest[];
}

export interface SecretDigest {
  readonly bytes: number;
  /** `windowHash` of the first and of the last bytes. */
  readonly head: number;
  readonly tail: number;
  /** Base64 of 16 bytes. */
  readonly mac: string;
}

export const WINDOW_BYTES = SECRET_MIN_BYTES;
const MAC_BYTES = 16;

export function digestsOf(secret: string | Uint8Array, key: Buffer): readonly SecretDigest[] {
  const multiplier = multiplierOf(key);
  return formsOf(secret).map((form) => ({
    bytes: form.length,
    head: windowHash(form, 0, multiplier),
    tail: windowHash(form, form.length - WINDOW_BYTES, multiplier),
    mac: macOf(form, key),
  }));
}

export function macOf(form: Uint8Array, key: Buffer): string {
  return createHmac("sha256", key).update(form).digest().toString("base64", 0, MAC_BYTES);
}

/** Of the hash that rolls over a text: odd, and as secret as the key. */
export function multiplierOf(key: Buffer): number {
  return createHmac("sha256", key).update("window").digest().readUInt32LE() | 1;
}

/** A polynomial of `WINDOW_BYTES` bytes modulo 2^32, unsigned. */
export function windowHash(bytes: Uint8Array, from: number, multiplier: number): number {
  let hash = 0;
  for (let at = from; at < from + WINDOW_BYTES; at += 1) hash = (Math.imul(hash, multiplier) + (bytes[at] ?? 0)) | 0;
  return hash >>> 0;
}
