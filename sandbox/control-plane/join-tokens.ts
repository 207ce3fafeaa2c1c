import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { status } from "@grpc/grpc-js";
import type { JoinToken } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { Commits } from "./kept/commits.ts";
import type { KeptJoinToken } from "./kept/snapshot.ts";
import type { Entitlement } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

const BINDING_LABEL = Buffer.from("builder-agent join v1\0");

interface Issued {
  readonly entitlement: Entitlement;
  readonly expiresAtMs: number;
}

/**
 * Tokens that are good for one registration. They are kept only as SHA-256, so that looking one up
 * takes no time that tells anything, and a dump of this memory, or a copy of what is kept, gives
 * none away.
 */
export class JoinTokens {
  readonly #issued = new Map<string, Issued>();
  readonly #commits: Commits;
  readonly #now: () => number;

  constructor(commits: Commits, now: () => number, recalled: readonly KeptJoinToken[] = []) {
    this.#commits = commits;
    this.#now = now;
    for (const { sha256, expiresAtMs, ...entitlement } of recalled)
      this.#issued.set(sha256, { entitlement, expiresAtMs });
  }

  kept(): readonly KeptJoinToken[] {
    return [...this.#issued].map(([sha256, { entitlement, expiresAtMs }]) => {
      const { org, project, architecture } = entitlement;
      return { sha256, org, project, ...(architecture !== undefined && { architecture }), expiresAtMs };
    });
  }

  issue(entitlement: Entitlement, lifetimeMs: number): string {
    const token = randomBytes(32).toString("base64url");
    const key = digest(token);
    const issued = { entitlement, expiresAtMs: this.#now() + lifetimeMs };
    this.#forgetExpired();
    this.#commits.make({ apply: () => this.#issued.set(key, issued), undo: () => this.#issued.delete(key) });
    return token;
  }

  /**
   * Spends a token. A binding that does not fit leaves it unspent: whoever sent it has not shown
   * that the token is theirs to use here.
   * @throws {Refusal} UNAUTHENTICATED
   */
  redeem(evidence: JoinToken, nonce: Uint8Array, machineSpkiSha256: string): Entitlement {
    const key = digest(evidence.token);
    const issued = this.#issued.get(key);
    if (issued === undefined || this.#now() >= issued.expiresAtMs) {
      throw new Refusal(status.UNAUTHENTICATED, "attestation.join_token.token: unknown, spent or expired");
    }
    const expected = createHmac("sha256", evidence.token)
      .update(BINDING_LABEL)
      .update(nonce)
      .update(Buffer.from(machineSpkiSha256, "hex"))
      .digest();
    if (evidence.binding.length !== expected.length || !timingSafeEqual(evidence.binding, expected)) {
      throw new Refusal(status.UNAUTHENTICATED, "attestation.join_token.binding: not for this nonce and this key");
    }
    this.#commits.make({ apply: () => this.#issued.delete(key), undo: () => this.#issued.set(key, issued) });
    return issued.entitlement;
  }

  #forgetExpired(): void {
    const now = this.#now();
    for (const [key, { expiresAtMs }] of this.#issued) if (expiresAtMs <= now) this.#issued.delete(key);
  }
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
