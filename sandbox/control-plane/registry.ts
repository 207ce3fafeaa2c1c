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
import type { Audit, Party } from "./audit.ts";
import type { Authorities } from "./authorities.ts";
import type { Fleet, Newcomer } from "./fleet.ts";
import type { JoinTokens } from "./join-tokens.ts";
import type { Commits } from "./kept/commits.ts";
import { InstanceOccupied, type Leases } from "./leases.ts";
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
  readonly #leases: Leases;
  readonly #audit: Audit;
  readonly #commits: Commits;
  readonly #audience: string;

  constructor(parts: {
    nonces: Nonces;
    holder: NonceHolder;
    joinTokens: JoinTokens;
    attestations: Attestations;
    authorities: Authorities;
    fleet: Fleet;
    leases: Leases;
    audit: Audit;
    commits: Commits;
    audience: string;
  }) {
    this.joinTokens = parts.joinTokens;
    this.attestations = parts.attestations;
    this.#nonces = parts.nonces;
    this.#holder = parts.holder;
    this.#authorities = parts.authorities;
    this.#fleet = parts.fleet;
    this.#leases = parts.leases;
    this.#audit = parts.audit;
    this.#commits = parts.commits;
    this.#audience = parts.audience;
  }

  async challenge(): Promise<GetChallengeResponse> {
    const { nonce, expiresAtMs } = await this.#nonces.give(this.#holder);
    return { nonce, expiresAt: new Date(expiresAtMs), audience: this.#audience };
  }

  /**
   * Checks everything that can be sent again before it spends what can be spent once. `address`:
   * where it comes from. @throws {Refusal}
   */
  async register(request: RegisterRequest, address: string): Promise<RegisterResponse> {
    const keySha256 = await readField("machine_csr", request.machineCsr);
    if (request.servingCsr.length > 0) await readField("serving_csr", request.servingCsr);
    const machine = await this.#machine(request, { keySha256, address });
    return { machineId: machine.id, ...(await this.#certificates(machine, request)) };
  }

  /** `by`: the key that asks, as in its certificate. @throws {Refusal} */
  async renew(machine: Machine, request: RenewCertificatesRequest, by: string): Promise<RenewCertificatesResponse> {
    const { machineCsr, servingCsr } = request;
    const fresh = machineCsr.length > 0 ? await readField("machine_csr", machineCsr) : undefined;
    if (servingCsr.length > 0) await readField("serving_csr", servingCsr);
    if (fresh !== undefined) await this.#leases.rekey(machine, { by, fresh });
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

  async #machine(request: RegisterRequest, from: Required<Party>): Promise<Machine> {
    return this.#audited(request, from.address, async () => {
      const proof = await this.#judge(request, from.keySha256);
      const newcomer = (): Newcomer => this.#fleet.newcomer(proof.entitlement(), request);
      if (proof.instance !== undefined) return this.#leases.claim(proof.instance, from, newcomer());
      // Together: a token is spent exactly when its machine is known.
      return this.#commits.together(() => this.#fleet.enrol(newcomer()));
    });
  }

  /**
   * Spends the nonce, whatever the evidence is worth. What is given back spends a join token.
   * @throws {Refusal}
   */
  async #judge(request: RegisterRequest, keySha256: string): Promise<Proof> {
    const { attestation, nonce, machineCsr } = request;
    const evidence = attestation?.evidence;
    if (evidence === undefined) {
      throw new Refusal(status.INVALID_ARGUMENT, "attestation: there is none, or one of an unknown kind");
    }
    if (evidence.$case !== "joinToken") {
      const { entitlement, instance } = await this.attestations.redeem({ evidence, nonce, machineCsr, keySha256 });
      return { instance, entitlement: () => entitlement };
    }
    if ((await this.#nonces.consume(nonce, this.#holder)) !== "consumed") {
      throw new Refusal(status.UNAUTHENTICATED, "nonce: not given by this control plane, used before, or expired");
    }
    return { instance: undefined, entitlement: () => this.joinTokens.redeem(evidence.value, nonce, keySha256) };
  }

  /** The machine hears a code, the audit why. */
  async #audited<T>({ attestation }: RegisterRequest, address: string, judge: () => Promise<T>): Promise<T> {
    try {
      return await judge();
    } catch (failure) {
      if (failure instanceof Refusal && !(failure instanceof InstanceOccupied)) {
        const kind = attestation?.evidence?.$case ?? "none";
        const because = failure.cause instanceof Error ? ` (${failure.cause.message})` : "";
        this.#audit.note({ event: "evidence-refused", kind, address, reason: failure.details + because });
      }
      throw failure;
    }
  }
}

/** What evidence has proved. A join token is spent when its entitlement is taken. */
interface Proof {
  readonly instance: string | undefined;
  entitlement(): Entitlement;
}

/** SHA-256 of its key. */
async function readField(field: string, csrDer: Uint8Array): Promise<string> {
  try {
    return sha256Hex((await readSigningRequest(csrDer)).spkiDer);
  } catch (cause) {
    throw new Refusal(
      status.INVALID_ARGUMENT,
      `${field}: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    );
  }
}
