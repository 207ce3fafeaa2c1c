import { createHash } from "node:crypto";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../sandbox/pki/signing-request.ts";
import {
  type Evidence,
  type Identity,
  MemoryNonces,
  MemorySpentTokens,
  type NonceHolder,
  type Nonces,
  type Policies,
  type Refusal,
  type SpentTokens,
  Verifier,
  type VerifierParts,
} from "../../verifier/src/index.ts";
import { NOW_MS } from "./authorities/clock.ts";
import { Sts } from "./authorities/sts.ts";

export const AUDIENCE = "https://plane.example/attest/acme";
export const HOLDER: NonceHolder = { connection: "acme", peer: "192.0.2.7" };

/** What a machine binds its evidence to. */
export interface Binding {
  readonly nonce: Uint8Array;
  readonly spki: Uint8Array;
  readonly audience: string;
}

/** A machine in the middle of its registration. */
export interface Machine extends Binding {
  readonly csr: Uint8Array;
}

const KEY = await KeyPair.generate();
const CSR = await makeSigningRequest(KEY, "i-0fffffffffffffff0");

/** A control plane's verifier, with a clock that stands still. */
export class Scene {
  nowMs = NOW_MS;
  readonly sts = new Sts();
  readonly nonces: Nonces;
  readonly spent: SpentTokens;
  readonly verifier: Verifier;
  readonly accept: Policies;

  constructor(accept: Policies, parts: Partial<Omit<VerifierParts, "now">> = {}) {
    const now = () => this.nowMs;
    this.accept = accept;
    this.nonces = parts.nonces ?? new MemoryNonces({ now });
    this.spent = parts.spent ?? new MemorySpentTokens({ now });
    this.verifier = new Verifier({ now, nonces: this.nonces, spent: this.spent, fetch: parts.fetch ?? this.sts.fetch });
  }

  async challenge(): Promise<Machine> {
    const { nonce } = await this.nonces.give(HOLDER);
    return { nonce, spki: KEY.spkiDer, audience: AUDIENCE, csr: CSR };
  }

  async verify(
    evidence: Evidence,
    { nonce, audience, csr }: Machine,
    differs: { readonly holder?: NonceHolder; readonly accept?: Policies } = {},
  ): Promise<Identity | Refusal> {
    const { holder = HOLDER, accept = this.accept } = differs;
    const verdict = await this.verifier.verify(evidence, { holder, nonce, audience, csr, accept });
    if (verdict.verdict === "refused") requireSilence(verdict, evidence, nonce);
    return verdict;
  }

  /** A challenge, the evidence for it, and what becomes of that. */
  async register(attest: (machine: Machine) => Evidence | Promise<Evidence>): Promise<Identity | Refusal> {
    const machine = await this.challenge();
    return this.verify(await attest(machine), machine);
  }
}

export async function anotherKey(): Promise<{ readonly spki: Uint8Array; readonly csr: Uint8Array }> {
  const key = await KeyPair.generate();
  return { spki: key.spkiDer, csr: await makeSigningRequest(key, "another") };
}

export function boundAudience({ audience, nonce, spki }: Binding): string {
  return `${audience}#n=${Buffer.from(nonce).toString("base64url")}&k=${sha256(spki).toString("hex")}`;
}

export function sha256(...parts: readonly (string | Uint8Array)[]): Buffer {
  return parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
}

/** "verified" or the code of a refusal. */
export function outcome(verdict: Identity | Refusal): string {
  return verdict.verdict === "refused" ? verdict.code : verdict.verdict;
}

const WINDOW = 16;
/** Of the signature what follows the names of what is signed. */
const SECRET_HEADERS = ["authorization", "x-amz-security-token", "x-builder-agent-binding"];

/** No part of a token, nonce or key is in a refusal, in any usual way to write it. */
function requireSilence(verdict: Refusal, evidence: Evidence, nonce: Uint8Array): void {
  const text = JSON.stringify(verdict);
  const bytes = [nonce, KEY.spkiDer, sha256(KEY.spkiDer), ...Object.values(evidence).filter(isBytes)];
  const secrets = [
    ...Object.entries(evidence).flatMap(([name, value]: [string, unknown]) =>
      name !== "kind" && name !== "url" && typeof value === "string" ? [value] : [],
    ),
    ...("headers" in evidence ? SECRET_HEADERS.map((name) => evidence.headers[name]?.split("Signature=").at(-1)) : []),
    ...bytes.flatMap((one) => (["hex", "base64", "base64url"] as const).map((form) => Buffer.from(one).toString(form))),
  ].join(" ");
  for (let at = 0; at + WINDOW <= text.length; at += 1) {
    const part = text.slice(at, at + WINDOW);
    if (secrets.includes(part)) throw new Error(`The refusal ${verdict.code} tells of what it was sent: ${part}`);
  }
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
