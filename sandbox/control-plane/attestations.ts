import { status } from "@grpc/grpc-js";
import type { Attestation } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import {
  type Evidence,
  type Fetch,
  type Identity,
  type NonceHolder,
  type Nonces,
  type OidcIssuer,
  type Policies,
  type SpentTokens,
  Verifier,
  type Refusal as VerifierRefusal,
} from "../../verifier/src/index.ts";
import type { Entitlement } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

/** An issuer whose word on machines is taken. */
export interface TrustedIssuer {
  /** Compared exactly with the claim `iss`. */
  readonly issuer: string;
  /** Its public keys, as its JWKS document lists them. */
  readonly jwks: Extract<OidcIssuer["keys"], { readonly keys: unknown }>;
  /** By the claim `sub`: whose machine it is. A subject that is not named is nobody's. */
  readonly subjects: Readonly<Record<string, Entitlement>>;
  /** Whether a token may register once only (default), or as often as it lives. */
  readonly singleUse?: boolean;
}

/** What is taken beside join tokens and tokens of trusted issuers. */
export interface AttestationOptions {
  readonly accept: Policies;
  /** Whose machine it is; undefined: nobody's. */
  readonly entitle: (identity: Identity) => Entitlement | undefined;
  /** How STS is asked; default: Node's own. */
  readonly fetch?: Fetch;
}

/** Evidence of a machine, other than a join token, with what came along. */
export interface Attested {
  readonly evidence: Exclude<Attestation["evidence"], undefined | { $case: "joinToken" }>;
  readonly nonce: Uint8Array;
  readonly machineCsr: Uint8Array;
  /** Of its key. */
  readonly keySha256: string;
}

/** What evidence has proved: whose machine it is, and which instance, where it names one. */
export interface Proved {
  readonly entitlement: Entitlement;
  readonly instance: string | undefined;
}

const MOST_LIFETIME_S = 3_600;

/** Leaves the judgement to the verifier; knows whose machine each identity is. */
export class Attestations {
  readonly #issuers = new Map<string, TrustedIssuer>();
  readonly #verifier: Verifier;
  readonly #audience: string;
  readonly #holder: NonceHolder;
  readonly #options: AttestationOptions;
  readonly #keysOf: (instance: string) => readonly string[];

  constructor(parts: {
    readonly audience: string;
    readonly nonces: Nonces;
    readonly holder: NonceHolder;
    readonly now: () => number;
    readonly options: AttestationOptions;
    readonly spent: SpentTokens;
    /** SHA-256, lower-case hex, of the keys that an instance has registered with. */
    readonly keysOf: (instance: string) => readonly string[];
  }) {
    const { nonces, now, options, spent } = parts;
    this.#audience = parts.audience;
    this.#holder = parts.holder;
    this.#options = options;
    this.#keysOf = parts.keysOf;
    this.#verifier = new Verifier({ now, nonces, spent, fetch: options.fetch ?? fetch });
  }

  trust(issuer: TrustedIssuer): void {
    this.#issuers.set(issuer.issuer, issuer);
  }

  /**
   * Consumes the nonce. @throws {Refusal} with the verifier's code; its reason is the cause, and
   * never for the machine.
   */
  async redeem({ evidence, nonce, machineCsr, keySha256 }: Attested): Promise<Proved> {
    const { accept } = this.#options;
    const issuers = [...[...this.#issuers.values()].map(policyOf), ...(accept.oidc?.issuers ?? [])];
    const verdict = await this.#verifier.verify(evidenceOf(evidence), {
      holder: this.#holder,
      nonce,
      audience: this.#audience,
      csr: machineCsr,
      accept: { ...accept, ...this.#knowingKeys(keySha256), oidc: { issuers } },
    });
    const field = `attestation.${FIELDS[evidence.$case]}`;
    const refuse = (code: status, said: string, reason: string): Refusal =>
      new Refusal(code, `${field}: ${said}`, new Error(reason));
    if (verdict.verdict === "refused") throw refuse(statusOf(verdict), verdict.code, verdict.reason);
    const entitlement = this.#entitlement(verdict);
    const { instance } = verdict;
    if (entitlement === undefined)
      throw refuse(status.UNAUTHENTICATED, "not-allowed", `${instance ?? "The machine"} is nobody's.`);
    return { entitlement, instance };
  }

  /** A document that is bound to no key is good for the keys that are known, beside a first one. */
  #knowingKeys(keySha256: string): Pick<Policies, "aws-instance-identity"> {
    const policy = this.#options.accept["aws-instance-identity"];
    if (policy === undefined) return {};
    const knownKey = async (instance: string): Promise<string | undefined> => {
      const keys = this.#keysOf(instance);
      return keys.includes(keySha256) ? keySha256 : (keys[0] ?? policy.knownKey(instance));
    };
    return { "aws-instance-identity": { ...policy, knownKey } };
  }

  #entitlement(identity: Identity): Entitlement | undefined {
    if (identity.kind !== "oidc") return this.#options.entitle(identity);
    const trusted = this.#issuers.get(identity.issuer);
    return trusted === undefined ? this.#options.entitle(identity) : trusted.subjects[identity.subject];
  }
}

/** A platform's token from a file: bound to nothing, and often good elsewhere, too. */
function policyOf({ issuer, jwks, subjects, singleUse = true }: TrustedIssuer): OidcIssuer {
  return {
    issuer,
    keys: jwks,
    algorithms: ["RS256", "ES256"],
    audience: "plain-among-others",
    claims: [{ path: ["sub"], allowed: Object.keys(subjects) }],
    instancePath: ["sub"],
    isSingleUse: singleUse,
    mostLifetimeS: MOST_LIFETIME_S,
  };
}

/** The contract's names. */
const FIELDS = {
  oidcToken: "oidc_token",
  awsWebIdentity: "aws_web_identity",
  awsCallerIdentity: "aws_caller_identity",
  awsInstanceIdentity: "aws_instance_identity",
  gcpIdentity: "gcp_identity",
  azureAttested: "azure_attested",
  nitroTpm: "nitro_tpm",
} as const satisfies Record<Attested["evidence"]["$case"], string>;

function evidenceOf(evidence: Attested["evidence"]): Evidence {
  switch (evidence.$case) {
    case "oidcToken":
      return { kind: "oidc", ...evidence.value };
    case "awsWebIdentity":
      return { kind: "aws-web-identity", ...evidence.value };
    case "awsCallerIdentity":
      return { kind: "aws-caller-identity", ...evidence.value };
    case "awsInstanceIdentity":
      return { kind: "aws-instance-identity", ...evidence.value };
    case "gcpIdentity":
      return { kind: "gcp", ...evidence.value };
    case "azureAttested":
      return { kind: "azure", ...evidence.value };
    case "nitroTpm":
      return { kind: "nitro-tpm", ...evidence.value };
    default:
      return evidence satisfies never;
  }
}

function statusOf({ code, retryable }: VerifierRefusal): status {
  if (retryable) return status.UNAVAILABLE;
  if (code === "instance-already-registered") return status.ALREADY_EXISTS;
  return code === "kind-not-accepted" ? status.INVALID_ARGUMENT : status.UNAUTHENTICATED;
}
