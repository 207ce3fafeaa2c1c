import type { Challenge, Registered, Registration, Renewal, Renewed } from "../../ports/control-plane.ts";
import { ContractBreach, quoted } from "./contract-breach.ts";
import type {
  GetChallengeResponse,
  RegisterResponse,
  RenewCertificatesResponse,
} from "./gen/builder/agent/v1/identity.ts";
import { timeMs } from "./scalars-from-proto.ts";
import { trustFromProto } from "./trust-from-proto.ts";

/**
 * Answers to the unary calls. Each throws {ContractBreach}. Certificates are judged by whoever
 * holds their keys.
 */

/** Contract: at least 16 random bytes. */
const NONCE_MIN_BYTES = 16;
const MACHINE_ID = /^[a-z0-9-]{1,63}$/;

export function challengeFromProto({ nonce, expiresAt, audience }: GetChallengeResponse): Challenge {
  if (nonce.length < NONCE_MIN_BYTES) {
    throw new ContractBreach("nonce", `has ${nonce.length} bytes, not at least ${NONCE_MIN_BYTES}`);
  }
  return { nonce, expiresAtMs: timeMs("expires_at", expiresAt), audience };
}

export function registeredFromProto(answer: RegisterResponse, asked: Pick<Registration, "servingRequest">): Registered {
  if (!MACHINE_ID.test(answer.machineId)) {
    throw new ContractBreach("machine_id", `is ${quoted(answer.machineId)}, not a machine's id`);
  }
  return {
    machineId: answer.machineId,
    machineChainPem: present("machine_certificate_chain", answer.machineCertificateChain),
    ...(asked.servingRequest && {
      servingChainPem: present("serving_certificate_chain", answer.servingCertificateChain),
    }),
    trust: trustFromProto(answer.trustBundle),
  };
}

export function renewedFromProto(answer: RenewCertificatesResponse, asked: Renewal): Renewed {
  const { machineCertificateChain, servingCertificateChain } = answer;
  return {
    ...(asked.machineRequest && { machineChainPem: present("machine_certificate_chain", machineCertificateChain) }),
    ...(asked.servingRequest && { servingChainPem: present("serving_certificate_chain", servingCertificateChain) }),
    trust: trustFromProto(answer.trustBundle),
  };
}

function present(field: string, pem: string): string {
  if (pem === "") throw new ContractBreach(field, "is missing");
  return pem;
}
