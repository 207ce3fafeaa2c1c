import { createHash } from "node:crypto";

/** What was made of some bytes, by their digest: as many as `most`, the oldest goes first. */
export class Remembered<Value> {
  readonly #most: number;
  readonly #values = new Map<string, { readonly value: Value }>();

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * @param of Each has a digest of its own, so that no two lists are one. Nobody writes to them any
   *   more. @throws what `make` throws.
   */
  get(of: readonly Uint8Array[], make: () => Value): Value {
    const key = of.map(digestOf).join();
    const known = this.#values.get(key);
    if (known !== undefined) return known.value;
    const value = make();
    const [oldest] = this.#values.keys();
    if (this.#values.size >= this.#most && oldest !== undefined) this.#values.delete(oldest);
    this.#values.set(key, { value });
    return value;
  }
}

/** Of bytes that are still there: a certificate is looked up more than once in a handshake. */
const digests = new WeakMap<Uint8Array, string>();

/** SHA-256: nobody makes two certificates with one digest. */
function digestOf(bytes: Uint8Array): string {
  const digest = digests.get(bytes) ?? createHash("sha256").update(bytes).digest("base64");
  digests.set(bytes, digest);
  return digest;
}
