import type { AllowSet } from "../core/allow-set.ts";
import { authorise, type CertificateFacts, isAccepted, named, type Verdict } from "../core/authorise.ts";
import type { BuildIdentity } from "../core/build-identity.ts";
import { type Permission, USUAL_PERMISSIONS } from "../core/calls.ts";
import type { Instant } from "../core/instant.ts";
import { type Standing, standing } from "../core/session.ts";
import type { Log } from "../ports/log.ts";
import type { AnchorCa, PeerReader } from "../ports/peer-reader.ts";
import type { Presented } from "./presented.ts";

/** On what a session was let in: enough to judge it again. */
export interface Grounds {
  readonly build: BuildIdentity;
  /** The client's; its end is the earliest of its chain, as far as that is known. */
  readonly certificate: CertificateFacts;
  /**
   * The keys of the CAs on which its chain may rest: one, if we could follow it. All of them must
   * stay trusted.
   */
  readonly anchors: readonly string[];
}

export type Judgement =
  | { readonly admitted: true; readonly grounds: Grounds; readonly until: Until }
  | Extract<Verdict, { readonly admitted: false }>;

const NOTHING: ReadonlySet<Permission> = new Set();

export interface Until {
  readonly endsAtMs: number;
  readonly endsBecause: "grant-expired" | "certificate-expired";
}

/**
 * The last orders on who may be here. They stay in force while control is away; how old they may
 * grow is core's business.
 */
export class Policy {
  readonly #peers: PeerReader;
  readonly #log: Log;
  #allowSet: AllowSet | undefined;
  #cas: readonly AnchorCa[] = [];

  constructor(peers: PeerReader, log: Log) {
    this.#peers = peers;
    this.#log = log;
  }

  /** Which orders are in force; undefined before any came. */
  get applied(): { readonly revision: bigint; readonly epoch: string } | undefined {
    return this.#allowSet && { revision: this.#allowSet.revision, epoch: this.#allowSet.epoch };
  }

  /** To verify chains against. */
  get cas(): readonly AnchorCa[] {
    return this.#cas;
  }

  /** Takes force whole and at once. */
  take(allowSet: AllowSet): void {
    this.#allowSet = allowSet;
    const cas = allowSet.buildCas.flatMap((pem) => this.#readable(pem));
    // The same list stays the same object: that is how a handshake knows whether it was verified
    // against the present one.
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
   * @param verifiedAgainst the CAs that the TLS stack had when the handshake began: they may have
   *   changed since.
   * @throws {AgentError} "gateway.certificate-unreadable"
   */
  judge(presented: Presented, verifiedAgainst: readonly AnchorCa[], now: Instant): Judgement {
    const verdict = authorise(presented.facts, this.#allowSet, now);
    if (!verdict.admitted) return verdict.refusal === "no-certificate" ? this.#withoutCertificate() : verdict;
    // Node 24 does not tell which intermediates a client sent. A chain that cannot be followed is
    // good by OpenSSL's word alone, if it was asked about these CAs.
    const anchor = this.#peers.anchor(presented.chain, this.#cas) ?? this.#peers.anchor(presented.sent(), this.#cas);
    if (anchor === undefined && verifiedAgainst !== this.#cas)
      return { admitted: false, refusal: "chain-not-trusted", detail: "the trust bundle changed during the handshake" };
    const weak = anchor?.keys.find((key) => !isAccepted(key));
    if (weak !== undefined)
      return { admitted: false, refusal: "key-not-accepted", detail: `a CA's key is ${named(weak)}` };
    const { build } = verdict;
    const chainEndsMs = anchor?.notAfterMs ?? this.#earliestEndMs(now);
    const certificate = { ...verdict.certificate, notAfterMs: Math.min(verdict.certificate.notAfterMs, chainEndsMs) };
    const anchors = anchor === undefined ? this.#cas.map((ca) => ca.key) : [anchor.key];
    const until =
      certificate.notAfterMs < verdict.endsAtMs
        ? { endsAtMs: certificate.notAfterMs, endsBecause: "certificate-expired" as const }
        : { endsAtMs: verdict.endsAtMs, endsBecause: verdict.endsBecause };
    return { admitted: true, grounds: { build, certificate, anchors }, until };
  }

  /** TLS does not say which of the two it was: what was asked for helps to find out. */
  #withoutCertificate(): Judgement {
    const names = this.#cas.map((ca) => ca.subject).join("; ");
    return {
      admitted: false,
      refusal: "no-certificate",
      detail: `the client has none, or none that was issued below: ${names}`,
    };
  }

  /** Of a chain that we cannot follow: it leads to one of those that have not ended. */
  #earliestEndMs(now: Instant): number {
    return Math.min(...this.#cas.map((ca) => ca.notAfterMs).filter((endMs) => endMs > now.wallMs));
  }

  /** What a build may ask of BuildKit at this moment. Nothing, without a grant. */
  permissions(buildId: string): ReadonlySet<Permission> {
    const grant = this.#allowSet?.grants.get(buildId);
    if (grant === undefined) return NOTHING;
    return grant.permissions === undefined ? USUAL_PERMISSIONS : new Set(grant.permissions);
  }

  /** Whose clients' files it may be given; undefined: its own only. */
  contextGroup(buildId: string): string | undefined {
    return this.#allowSet?.grants.get(buildId)?.contextGroup;
  }

  /** Judges an open session again. */
  standing(grounds: Grounds, nowMs: number): Standing {
    if (this.#allowSet === undefined) return { stands: false, ending: "build-ended", detail: "there is no policy" };
    if (!grounds.anchors.every((key) => this.#cas.some((ca) => ca.key === key)))
      return { stands: false, ending: "ca-withdrawn", detail: `revision ${this.#allowSet.revision}` };
    return standing(grounds.build, grounds.certificate, this.#allowSet, nowMs);
  }

  /**
   * One CA that does not parse must not keep a revocation from being obeyed: it is left out, and
   * nobody gets in by it.
   */
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
