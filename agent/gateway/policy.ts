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
  /** The key of the CA that its chain leads to. */
  readonly anchor: string;
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

  /** Takes force whole and at once. True if the CAs are others than before. */
  take(allowSet: AllowSet): boolean {
    const before = this.#cas.map((ca) => ca.pem);
    this.#allowSet = allowSet;
    this.#cas = allowSet.buildCas.flatMap((pem) => this.#readable(pem));
    return before.length !== this.#cas.length || this.#cas.some((ca, at) => ca.pem !== before[at]);
  }

  confirm(at: Instant): void {
    if (this.#allowSet !== undefined) this.#allowSet = { ...this.#allowSet, confirmedAt: at };
  }

  /** @throws {AgentError} "gateway.certificate-unreadable" */
  judge(presented: Presented, now: Instant): Judgement {
    const verdict = authorise(presented.facts, this.#allowSet, now);
    if (!verdict.admitted) return verdict;
    // The CAs may have changed while the handshake went on, and two implementations must agree on the chain.
    const anchor = this.#peers.anchor(presented.chain, this.#cas);
    if (anchor === undefined)
      return { admitted: false, refusal: "chain-not-trusted", detail: "no CA of the trust bundle signed it" };
    const { build, certificate, endsAtMs, endsBecause } = verdict;
    return { admitted: true, grounds: { build, certificate, anchor }, until: { endsAtMs, endsBecause } };
  }

  /** Judges an open session again. */
  standing(grounds: Grounds, nowMs: number): Standing {
    if (this.#allowSet === undefined) return { stands: false, ending: "build-ended", detail: "there is no policy" };
    if (!this.#cas.some((ca) => ca.key === grounds.anchor))
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
