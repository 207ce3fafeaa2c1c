import { randomBytes } from "node:crypto";
import {
  type GivenNonce,
  isSameHolder,
  NONCE_BYTES,
  NONCE_LIFETIME_MS,
  type NonceFate,
  type NonceHolder,
  type NonceSettings,
  type Nonces,
} from "./nonces.ts";

interface Entry {
  readonly holder: NonceHolder;
  readonly expiresAtMs: number;
  isUsed: boolean;
}

/** For one process; a restart forgets every challenge, and agents ask for new ones. */
export class MemoryNonces implements Nonces {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;
  readonly #lifetimeMs: number;

  constructor({ now, lifetimeMs = NONCE_LIFETIME_MS }: NonceSettings) {
    this.#now = now;
    this.#lifetimeMs = lifetimeMs;
  }

  give(holder: NonceHolder): Promise<GivenNonce> {
    this.#forgetOld();
    const nonce = randomBytes(NONCE_BYTES);
    const expiresAtMs = this.#now() + this.#lifetimeMs;
    this.#entries.set(nonce.toString("hex"), { holder, expiresAtMs, isUsed: false });
    return Promise.resolve({ nonce, expiresAtMs });
  }

  consume(nonce: Uint8Array, holder: NonceHolder): Promise<NonceFate> {
    const entry = this.#entries.get(Buffer.from(nonce).toString("hex"));
    return Promise.resolve(entry === undefined ? "unknown" : this.#use(entry, holder));
  }

  #use(entry: Entry, holder: NonceHolder): NonceFate {
    if (entry.isUsed) return "used";
    entry.isUsed = true;
    if (this.#now() >= entry.expiresAtMs) return "expired";
    return isSameHolder(entry.holder, holder) ? "consumed" : "foreign";
  }

  /**
   * The map is in the order of expiry. What expired stays for as long again, to be told from what
   * never was.
   */
  #forgetOld(): void {
    const beforeMs = this.#now() - this.#lifetimeMs;
    for (const [key, { expiresAtMs }] of this.#entries) {
      if (expiresAtMs > beforeMs) return;
      this.#entries.delete(key);
    }
  }
}
