import type { AllowSet } from "../core/allow-set.ts";
import { authorise, type CertificateFacts, type Verdict } from "../core/authorise.ts";
import type { BuildIdentity } from "../core/identity.ts";
import type { Instant } from "../core/instant.ts";
import { type Standing, standing } from "../core/session.ts";
import type { Log } from "../ports/log.ts";
import type { AnchorCa, PeerReader } from "../ports/peer-reader.ts";
import type { Presented } from "./presented.ts";

/** On what a session was let in: enough to judge it again. */
export interface Grounds {
  readonly build: BuildIdentity;
  readonly certificate: CertificateFacts;
  /** The keys of the CAs on which its chain may rest: one, if we could follow it. All of them must stay trusted. */
  readonly anchors: readonly string[];
}

export type Judgement =
  | { readonly admitted: true; readonly grounds: Grounds; readonly until: Until }
  | Extract<Verdict, { readonly admitted: false }>;

export interface Until {
  readonly endsAtMs: number;
  readonly endsBecause: "grant-expired" | "certificate-expired";
}

/** The last orders on who may be here. They stay in force while control is away; how old they may grow is core's business. */
export class Policy {
  readonly #peers: PeerReader;
  readonly #log: Log;
  #allowSet: AllowSet | undefined;
  #cas: readonly AnchorCa[] = [];

  constructor(peers: PeerReader, log: Log) {
    this.#peers = peers;
    this.#log = log;
  }

  /** To verify chains against. */
  get cas(): readonly AnchorCa[] {
    return this.#cas;
  }

  /** Takes force whole and at once. */
  take(allowSet: AllowSet): void {
    this.#allowSet = allowSet;
    const cas = allowSet.buildCas.flatMap((pem) => this.#readable(pem));
    // The same list stays the same object: that is how a handshake knows whether it was verified against the present one.
    if (cas.length !== this.#cas.length || cas.some((ca, at) => ca !== this.#cas[at])) this.#cas = cas;
  }

  /** Nobody new, until the next orders. */
  shut(because: string): void {
    if (this.#allowSet !== undefined) this.#allowSet = { ...this.#allowSet, admission: { at: "closed", because } };
  }

  confirm(at: Instant): void {
    if (this.#allowSet !== undefined) this.#allowSet = { ...this.#allowSet, confirmedAt: at };
  }

  /**
   * @param verifiedAgainst the CAs that the TLS stack had when the handshake began: they may have changed since.
   * @throws {AgentError} "gateway.certificate-unreadable"
   */
  judge(presented: Presented, verifiedAgainst: readonly AnchorCa[], now: Instant): Judgement {
    const verdict = authorise(presented.facts, this.#allowSet, now);
    if (!verdict.admitted) return verdict;
    const anchor = this.#peers.anchor(presented.chain, this.#cas);
    // Node 24 does not tell which intermediates a client sent: such a chain is good by OpenSSL's word alone, if it was asked about these CAs.
    if (anchor === undefined && verifiedAgainst !== this.#cas)
      return { admitted: false, refusal: "chain-not-trusted", detail: "the trust bundle changed during the handshake" };
    const { build, certificate, endsAtMs, endsBecause } = verdict;
    const anchors = anchor === undefined ? this.#cas.map((ca) => ca.key) : [anchor];
    return { admitted: true, grounds: { build, certificate, anchors }, until: { endsAtMs, endsBecause } };
  }

  /** Judges an open session again. */
  standing(grounds: Grounds, nowMs: number): Standing {
    if (this.#allowSet === undefined) return { stands: false, ending: "build-ended", detail: "there is no policy" };
    if (!grounds.anchors.every((key) => this.#cas.some((ca) => ca.key === key)))
      return { stands: false, ending: "ca-withdrawn", detail: `revision ${this.#allowSet.revision}` };
    return standing(grounds.build, grounds.certificate, this.#allowSet, nowMs);
  }

  /** One CA that does not parse must not keep a revocation from being obeyed: it is left out, and nobody gets in by it. */
  #readable(pem: string): readonly AnchorCa[] {
    const known = this.#cas.find((ca) => ca.pem === pem);
    if (known !== undefined) return [known];
    try {
      return [this.#peers.readCa(pem)];
    } catch (failure) {
      this.#log.error({ err: failure }, "policy.ca-unreadable");
      return [];
    }
  }
}
