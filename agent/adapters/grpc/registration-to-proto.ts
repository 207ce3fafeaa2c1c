import type { MachineFacts } from "../../core/machine.ts";
import type { Secret } from "../../core/secret.ts";
import type { Registration, Renewal } from "../../ports/control-plane.ts";
import type { Evidence } from "../../ports/evidence.ts";
import type {
  Attestation,
  MachineFacts as MachineFactsProto,
  RegisterRequest,
  RenewCertificatesRequest,
} from "./gen/builder/agent/v1/identity.ts";
import { uint32, uint64 } from "./scalars-to-proto.ts";

const NO_REQUEST = new Uint8Array();

export function registrationToProto(request: Registration): RegisterRequest {
  return {
    nonce: request.nonce,
    attestation: attestation(request.evidence),
    machineCsr: request.machineRequest.der,
    servingCsr: request.servingRequest?.der ?? NO_REQUEST,
    facts: factsToProto(request.facts),
    versions: { ...request.versions },
  };
}

export function renewalToProto({ machineRequest, servingRequest }: Renewal): RenewCertificatesRequest {
  return { machineCsr: machineRequest?.der ?? NO_REQUEST, servingCsr: servingRequest?.der ?? NO_REQUEST };
}

/** Here the secrets leave the process: over TLS, to the pinned control plane. */
function attestation(evidence: Evidence): Attestation {
  switch (evidence.kind) {
    case "join-token":
      return {
        evidence: { $case: "joinToken", value: { token: evidence.token.reveal(), binding: evidence.binding } },
      };
    case "oidc-token":
      return { evidence: { $case: "oidcToken", value: { jwt: evidence.jwt.reveal() } } };
    case "aws-web-identity":
      return { evidence: { $case: "awsWebIdentity", value: { jwt: evidence.jwt.reveal() } } };
    case "aws-caller-identity":
      return {
        evidence: { $case: "awsCallerIdentity", value: { url: evidence.url, headers: revealed(evidence.headers) } },
      };
    case "aws-instance-identity":
      return {
        evidence: {
          $case: "awsInstanceIdentity",
          value: { document: evidence.document.reveal(), signature: evidence.signature.reveal() },
        },
      };
    case "gcp":
      return { evidence: { $case: "gcpIdentity", value: { jwt: evidence.jwt.reveal() } } };
    case "azure": {
      const { pkcs7, intermediates } = evidence;
      const value = { pkcs7: pkcs7.reveal(), intermediates: [...intermediates] };
      return { evidence: { $case: "azureAttested", value } };
    }
    case "nitro-tpm":
      return { evidence: { $case: "nitroTpm", value: { document: evidence.document.reveal() } } };
    default:
      return evidence satisfies never;
  }
}

function revealed(headers: Readonly<Record<string, Secret>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()]));
}

function factsToProto(facts: MachineFacts): MachineFactsProto {
  return {
    ...facts,
    cpuCount: uint32(facts.cpuCount),
    memoryBytes: uint64(facts.memoryBytes),
    blockDevices: facts.blockDevices.map(({ sizeBytes, ...device }) => ({ ...device, sizeBytes: uint64(sizeBytes) })),
  };
}
