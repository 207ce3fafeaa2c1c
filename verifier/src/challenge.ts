import { createHash } from "node:crypto";
import { Refused } from "./refusal.ts";

/** What evidence is bound to: this challenge, and the key of this machine. */
export interface Challenge {
  readonly nonce: Uint8Array;
  /** What tokens for this control plane are for, such as https://plane.example/attest/acme. */
  readonly audience: string;
  /** DER. */
  readonly spki: Uint8Array;
  /** SHA-256 over `spki`. */
  readonly keyDigest: Buffer;
}

const BOUND = /^(?<audience>.*)#n=(?<nonce>[A-Za-z0-9_-]+)&k=(?<key>[0-9a-f]{64})$/s;

/** Contract, `GetChallengeResponse.audience`. */
function boundAudience({ audience, nonce, keyDigest }: Challenge): string {
  return `${audience}#n=${Buffer.from(nonce).toString("base64url")}&k=${keyDigest.toString("hex")}`;
}

/**
 * Says which part is another one.
 * @throws {Refused} "audience-mismatch", "nonce-mismatch", "key-mismatch"
 */
export function requireBoundAudience(actual: string, challenge: Challenge): void {
  if (actual === boundAudience(challenge)) return;
  const part = BOUND.exec(actual)?.groups;
  if (part?.["audience"] !== challenge.audience)
    throw new Refused("audience-mismatch", "The token is for another audience.");
  if (part["nonce"] !== Buffer.from(challenge.nonce).toString("base64url"))
    throw new Refused("nonce-mismatch", "The token is bound to another challenge.");
  throw new Refused("key-mismatch", "The token is bound to another key.");
}

/** Contract, `AzureAttestedDocument`: 32 characters are all that fits. */
export function azureNonce({ nonce, keyDigest }: Challenge): string {
  return createHash("sha256")
    .update("builder-agent azure v1\0")
    .update(nonce)
    .update(keyDigest)
    .digest("hex")
    .slice(0, 32);
}

/**
 * Contract, `AwsPresignedCallerIdentity`.
 * @throws {Refused} "malformed", "nonce-mismatch", "key-mismatch"
 */
export function requireBindingHeader(value: string, { nonce, keyDigest }: Challenge): void {
  const bytes = Buffer.from(value, "base64url");
  if (bytes.toString("base64url") !== value || bytes.length !== nonce.length + keyDigest.length)
    throw new Refused("malformed", "The binding is not base64url of a nonce and a digest.");
  if (!bytes.subarray(0, nonce.length).equals(nonce))
    throw new Refused("nonce-mismatch", "The request is bound to another challenge.");
  if (!bytes.subarray(nonce.length).equals(keyDigest))
    throw new Refused("key-mismatch", "The request is bound to another key.");
}
