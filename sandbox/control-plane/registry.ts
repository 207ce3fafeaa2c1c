import { status } from "@grpc/grpc-js";
import type {
  GetChallengeResponse,
  RegisterRequest,
  RegisterResponse,
  RenewCertificatesRequest,
  RenewCertificatesResponse,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import { sha256Hex } from "../pki/key-pair.ts";
import { readSigningRequest } from "../pki/signing-request.ts";
import type { Authorities } from "./authorities.ts";
import type { Fleet } from "./fleet.ts";
import type { JoinTokens } from "./join-tokens.ts";
import type { Commits } from "./kept/commits.ts";
import type { Machine } from "./machine.ts";
import type { Nonces } from "./nonces.ts";
import type { OidcIssuers } from "./oidc-issuers.ts";
import type { Entitlement } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

/** Takes evidence, gives certificates. */
export class Registry {
  readonly nonces: Nonces;
  readonly joinTokens: JoinTokens;
  readonly oidcIssuers: OidcIssuers;
  readonly #authorities: Authorities;
  readonly #fleet: Fleet;
  readonly #commits: Commits;
  readonly #audience: string;

  constructor(parts: {
    nonces: Nonces;
    joinTokens: JoinTokens;
    oidcIssuers: OidcIssuers;
    authorities: Authorities;
    fleet: Fleet;
    commits: Commits;
    audience: string;
  }) {
    this.nonces = parts.nonces;
    this.joinTokens = parts.joinTokens;
    this.oidcIssuers = parts.oidcIssuers;
    this.#authorities = parts.authorities;
    this.#fleet = parts.fleet;
    this.#commits = parts.commits;
    this.#audience = parts.audience;
  }

  challenge(): GetChallengeResponse {
    return { ...this.nonces.give(), audience: this.#audience };
  }

  /**
   * Checks everything that can be sent again before it spends what can be spent once. @throws
   * {Refusal}
   */
  async register(request: RegisterRequest): Promise<RegisterResponse> {
    const { spkiDer } = await readField("machine_csr", request.machineCsr);
    if (request.servingCsr.length > 0) await readField("serving_csr", request.servingCsr);
    this.nonces.redeem(request.nonce);
    // Together: a token is spent exactly when its machine is known.
    const machine = this.#commits.together(() =>
      this.#fleet.enrol(this.#entitlement(request, sha256Hex(spkiDer)), request),
    );
    return { machineId: machine.id, ...(await this.#certificates(machine, request)) };
  }

  /** @throws {Refusal} */
  async renew(machine: Machine, request: RenewCertificatesRequest): Promise<RenewCertificatesResponse> {
    if (request.machineCsr.length > 0) await readField("machine_csr", request.machineCsr);
    if (request.servingCsr.length > 0) await readField("serving_csr", request.servingCsr);
    machine.renewals += 1;
    return this.#certificates(machine, request);
  }

  async #certificates(machine: Machine, request: RenewCertificatesRequest): Promise<RenewCertificatesResponse> {
    const { machineCsr, servingCsr } = request;
    return {
      machineCertificateChain:
        machineCsr.length > 0 ? await this.#authorities.machineChain(machine.id, machineCsr) : "",
      servingCertificateChain:
        servingCsr.length > 0 ? await this.#authorities.servingChain(machine.serverName, servingCsr) : "",
      trustBundle: this.#authorities.trustBundle(),
    };
  }

  #entitlement(request: RegisterRequest, machineSpkiSha256: string): Entitlement {
    const evidence = request.attestation?.evidence;
    switch (evidence?.$case) {
      case "joinToken":
        return this.joinTokens.redeem(evidence.value, request.nonce, machineSpkiSha256);
      case "oidcToken":
        return this.oidcIssuers.redeem(evidence.value.jwt);
      default:
        throw new Refusal(
          status.INVALID_ARGUMENT,
          `attestation: this control plane takes join_token and oidc_token, not ${evidence?.$case ?? "none or an unknown kind"}`,
        );
    }
  }
}

async function readField(field: string, csrDer: Uint8Array): Promise<{ readonly spkiDer: Uint8Array }> {
  return readSigningRequest(csrDer).catch((cause: unknown) => {
    throw new Refusal(
      status.INVALID_ARGUMENT,
      `${field}: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    );
  });
}
