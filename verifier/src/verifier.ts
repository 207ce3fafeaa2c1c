import type { Fetch } from "./exchange.ts";
import { type JobEvidence, type JobExpectation, type ProvenJob, proveJob } from "./job/job.ts";
import { type Claims, type Evidence, type Policies, prove, requireAcceptable } from "./machine/evidence.ts";
import type { NonceFate, NonceHolder, Nonces, SpentTokens } from "./nonces/nonces.ts";
import { type Refusal, type RefusalCode, Refused, refusal } from "./refusal.ts";
import { provedKey } from "./x509/key-possession.ts";

export interface VerifierParts {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly nonces: Nonces;
  readonly spent: SpentTokens;
  /** Only for signed requests to STS, to its own address. */
  readonly fetch: Fetch;
}

/** What a machine's evidence has to fit. */
export interface Expectation {
  /** Whose challenge the nonce must be. */
  readonly holder: NonceHolder;
  /** As it came with the evidence. */
  readonly nonce: Uint8Array;
  /** As it was sent with the challenge. */
  readonly audience: string;
  /** PKCS#10, DER: the request for a certificate that came with the evidence. */
  readonly csr: Uint8Array;
  readonly accept: Policies;
}

export type Identity = Claims & {
  readonly verdict: "verified";
  /** Of the key that was proved with it: SHA-256 over its SubjectPublicKeyInfo, lower-case hex. */
  readonly keySha256: string;
};

export type Job = ProvenJob & { readonly verdict: "verified" };

/**
 * Verifies what machines and jobs send to prove who they are. It does not throw for anything that
 * evidence may hold; what throws is a store that failed, or a part of the configuration.
 */
export class Verifier {
  readonly #parts: VerifierParts;

  constructor(parts: VerifierParts) {
    this.#parts = parts;
  }

  /** The nonce is consumed before anything that costs: cryptography, or the network. */
  async verify(evidence: Evidence, expectation: Expectation): Promise<Identity | Refusal> {
    return this.#orRefusal(async () => {
      const { now, nonces, spent, fetch } = this.#parts;
      const { nonce, audience, accept, holder } = expectation;
      requireAcceptable(evidence, accept);
      requireConsumed(await nonces.consume(nonce, holder));
      const key = await provedKey(expectation.csr);
      const challenge = { nonce, audience, ...key };
      const claims = await prove(evidence, accept, { challenge, nowMs: now(), spent, fetch });
      return { verdict: "verified", ...claims, keySha256: key.keyDigest.toString("hex") };
    });
  }

  /** For a CI system's token that a build client exchanges; it proves a job, never a machine. */
  async verifyJob(evidence: JobEvidence, expectation: JobExpectation): Promise<Job | Refusal> {
    return this.#orRefusal(async () => {
      const { now, spent } = this.#parts;
      return { verdict: "verified", ...(await proveJob(evidence, expectation, { nowMs: now(), spent })) };
    });
  }

  async #orRefusal<T>(verify: () => Promise<T>): Promise<T | Refusal> {
    try {
      return await verify();
    } catch (failure) {
      if (failure instanceof Refused) return refusal(failure.code, failure.message, this.#parts.now());
      throw failure;
    }
  }
}

const REFUSED_NONCES: Readonly<Record<Exclude<NonceFate, "consumed">, readonly [RefusalCode, string]>> = {
  unknown: ["nonce-unknown", "The nonce was not given here, or so long ago that it is forgotten."],
  used: ["nonce-used", "The nonce has been used before."],
  expired: ["nonce-expired", "The nonce has expired."],
  foreign: ["nonce-foreign", "The nonce was given to somebody else."],
};

function requireConsumed(fate: NonceFate): void {
  if (fate === "consumed") return;
  const [code, reason] = REFUSED_NONCES[fate];
  throw new Refused(code, reason);
}
