import { status } from "@grpc/grpc-js";
import type {
  GetChallengeResponse,
  RegisterRequest,
  RegisterResponse,
  RenewCertificatesRequest,
  RenewCertificatesResponse,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { NonceHolder, Nonces } from "../../verifier/src/index.ts";
import { sha256Hex } from "../pki/key-pair.ts";
import { readSigningRequest } from "../pki/signing-request.ts";
import type { Attestations } from "./attestations.ts";
import type { Authorities } from "./authorities.ts";
import type { Fleet } from "./fleet.ts";
import type { JoinTokens } from "./join-tokens.ts";
import type { Commits } from "./kept/commits.ts";
import type { Machine } from "./machine.ts";
import type { Entitlement } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

/** Takes evidence, gives certificates. */
export class Registry {
  readonly joinTokens: JoinTokens;
  readonly attestations: Attestations;
  readonly #nonces: Nonces;
  readonly #holder: NonceHolder;
  readonly #authorities: Authorities;
  readonly #fleet: Fleet;
  readonly #commits: Commits;
  readonly #audience: string;

  constructor(parts: {
    nonces: Nonces;
    holder: NonceHolder;
    joinTokens: JoinTokens;
    attestations: Attestations;
    authorities: Authorities;
    fleet: Fleet;
    commits: Commits;
    audience: string;
  }) {
    this.joinTokens = parts.joinTokens;
    this.attestations = parts.attestations;
    this.#nonces = parts.nonces;
    this.#holder = parts.holder;
    this.#authorities = parts.authorities;
    this.#fleet = parts.fleet;
    this.#commits = parts.commits;
    this.#audience = parts.audience;
  }

  async challenge(): Promise<GetChallengeResponse> {
    const { nonce, expiresAtMs } = await this.#nonces.give(this.#holder);
    return { nonce, expiresAt: new Date(expiresAtMs), audience: this.#audience };
  }

  /**
   * Checks everything that can be sent again before it spends what can be spent once. @throws
   * {Refusal}
   */
  async register(request: RegisterRequest): Promise<RegisterResponse> {
    const { spkiDer } = await readField("machine_csr", request.machineCsr);
    if (request.servingCsr.length > 0) await readField("serving_csr", request.servingCsr);
    const entitle = await this.#judge(request, sha256Hex(spkiDer));
    // Together: a token is spent exactly when its machine is known.
    const machine = this.#commits.together(() => this.#fleet.enrol(entitle(), request));
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

  /**
   * Spends the nonce, whatever the evidence is worth. What is given back spends a join token.
   * @throws {Refusal}
   */
  async #judge(request: RegisterRequest, machineSpkiSha256: string): Promise<() => Entitlement> {
    const { attestation, nonce, machineCsr } = request;
    const evidence = attestation?.evidence;
    if (evidence === undefined) {
      throw new Refusal(status.INVALID_ARGUMENT, "attestation: there is none, or one of an unknown kind");
    }
    if (evidence.$case !== "joinToken") {
      const entitlement = await this.attestations.redeem({ evidence, nonce, machineCsr });
      return () => entitlement;
    }
    if ((await this.#nonces.consume(nonce, this.#holder)) !== "consumed") {
      throw new Refusal(status.UNAUTHENTICATED, "nonce: not given by this control plane, used before, or expired");
    }
    return () => this.joinTokens.redeem(evidence.value, nonce, machineSpkiSha256);
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
