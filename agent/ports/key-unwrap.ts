import type { WrappedKey } from "../core/desired-state.ts";
import type { Secret } from "../core/secret.ts";

/** Asks a KMS, as this machine's own role, for the key inside a wrapped one. */
export interface KeyUnwrap {
  /**
   * @returns VOLUME_KEY_BYTES bytes, in memory only.
   * @throws {AgentError} "kms.unknown-provider", "kms.malformed-key", "kms.denied",
   * "kms.wrong-ciphertext", "kms.key-unusable", "kms.not-found", "kms.refused"; retryable:
   * "kms.throttled", "kms.unreachable", "kms.failed", "kms.no-credentials". What is retryable is
   * worth another try in a while: a role that was just granted may take that long to be known.
   */
  unwrap(wrapped: WrappedKey, signal: AbortSignal): Promise<Secret<Uint8Array>>;
}
