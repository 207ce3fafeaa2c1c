import { createHash } from "node:crypto";

/** What was made of some bytes, by their digest: as many as `most`, the oldest goes first. */
export class Remembered<Value> {
  readonly #most: number;
  readonly #values = new Map<string, { readonly value: Value }>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @param of each with its length, so that no two lists are one. @throws what `make` throws. */
  get(of: readonly Uint8Array[], make: () => Value): Value {
    const key = digest(of);
    const known = this.#values.get(key);
    if (known !== undefined) return known.value;
    const value = make();
    const [oldest] = this.#values.keys();
    if (this.#values.size >= this.#most && oldest !== undefined) this.#values.delete(oldest);
    this.#values.set(key, { value });
    return value;
  }
}

/** SHA-256: nobody makes two certificates with one digest. */
function digest(of: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const bytes of of) hash.update(`${bytes.length}:`).update(bytes);
  return hash.digest("base64");
}
