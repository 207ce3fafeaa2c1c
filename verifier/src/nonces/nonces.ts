/** For whom a nonce is: it is good for nobody else. */
export interface NonceHolder {
  /** The customer's set-up that the machine registers under. */
  readonly connection: string;
  /**
   * The connection's far end, such as its address, where it stays the same between the two calls.
   */
  readonly peer?: string;
}

export interface GivenNonce {
  /** 32 random bytes. */
  readonly nonce: Uint8Array;
  readonly expiresAtMs: number;
}

export type NonceFate = "consumed" | "unknown" | "used" | "expired" | "foreign";

/**
 * Gives nonces and takes each back once. Of any number of calls of `consume` with one nonce, in
 * all processes that share the store, one at most hears "consumed". Whatever is wrong with the one
 * who brings it, the nonce is gone.
 */
export interface Nonces {
  give(holder: NonceHolder): Promise<GivenNonce>;
  consume(nonce: Uint8Array, holder: NonceHolder): Promise<NonceFate>;
}

/** Remembers what was used once, until it would have expired anyway. */
export interface SpentTokens {
  /** Whether this is the first time; atomic as `Nonces.consume` is. `digest`: lower-case hex. */
  spend(digest: string, expiresAtMs: number): Promise<boolean>;
}

export interface NonceSettings {
  /** The verifier's clock, milliseconds since 1970. */
  readonly now: () => number;
  /** Default 120 s: as long as it takes to fetch a token and send it. */
  readonly lifetimeMs?: number;
}

export const NONCE_BYTES = 32;
export const NONCE_LIFETIME_MS = 120_000;

export function isSameHolder(one: NonceHolder, other: NonceHolder): boolean {
  return one.connection === other.connection && one.peer === other.peer;
}
