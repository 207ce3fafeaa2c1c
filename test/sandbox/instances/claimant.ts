import type { ServiceError } from "@grpc/grpc-js";
import type { Attestation, RegisterRequest } from "../../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { ControlPlaneOptions } from "../../../sandbox/control-plane/options.ts";
import { KeyPair } from "../../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../../sandbox/pki/signing-request.ts";
import type { Evidence } from "../../../verifier/src/index.ts";
import { Sts } from "../../verifier/authorities/sts.ts";
import { accept, claims, google } from "../../verifier/platforms.ts";
import type { Binding } from "../../verifier/scene.ts";
import { APP, FACTS, PlainAgent } from "../plain-agent.ts";

export type Attest = (binding: Binding) => Evidence | Promise<Evidence>;
type Place = ConstructorParameters<typeof PlainAgent>[0];

/** Takes what platforms.ts makes, and gives every machine to acme/app. */
export const TAKES_ALL: ControlPlaneOptions = {
  attestation: { accept, entitle: () => APP, fetch: new Sts().fetch },
};

/** The instance that `gcp` proves. */
export const INSTANCE = "gcp/acme-builders/4567890123456789012";

/** An identity token of Google, written now. */
export const gcp: Attest = (binding) => ({ kind: "gcp", jwt: google.token(claims.gcp(binding, Date.now())) });

/** A machine's registration, every part of it right. Its boot has its key's name. */
export async function claim(place: Place, attest: Attest, key: KeyPair): Promise<RegisterRequest> {
  using agent = new PlainAgent(place);
  const { nonce, audience } = await agent.challenge();
  return {
    nonce,
    attestation: { evidence: onTheWire(await attest({ nonce, audience, spki: key.spkiDer })) },
    machineCsr: await makeSigningRequest(key, "machine"),
    servingCsr: new Uint8Array(),
    facts: { ...FACTS, bootId: key.spkiSha256 },
    versions: undefined,
  };
}

/** A machine with a certificate. Closes its connection at the end. */
export class Member extends PlainAgent {
  readonly id: string;
  readonly key: KeyPair;

  private constructor(place: Place, id: string, certificate: { readonly chainPem: string; readonly key: KeyPair }) {
    super(place, { chainPem: certificate.chainPem, keyPem: certificate.key.privateKeyPem });
    this.id = id;
    this.key = certificate.key;
  }

  static async join(place: Place, key?: KeyPair, attest: Attest = gcp): Promise<Member> {
    const own = key ?? (await KeyPair.generate());
    using agent = new PlainAgent(place);
    const response = await agent.register(await claim(place, attest, own));
    return new Member(place, response.machineId, { chainPem: response.machineCertificateChain, key: own });
  }

  /** With a fresh key: the same machine under another certificate. */
  async renewed(place: Place): Promise<Member> {
    const key = await KeyPair.generate();
    const { machineCertificateChain: chainPem } = await this.renewFor(key);
    return new Member(place, this.id, { chainPem, key });
  }

  async renewFor(key: KeyPair) {
    return this.renew({ machineCsr: await makeSigningRequest(key, "machine"), servingCsr: new Uint8Array() });
  }
}

/** How often each answer was given: "OK", or a refusal's status and code. */
export async function answers(calls: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const said = await Promise.allSettled(calls);
  const counts: Record<string, number> = {};
  for (const one of said) {
    const words = one.status === "fulfilled" ? "OK" : wordsOf(one.reason as ServiceError);
    counts[words] = (counts[words] ?? 0) + 1;
  }
  return counts;
}

/** "ALREADY_EXISTS instance-already-registered". */
function wordsOf({ message, details }: ServiceError): string {
  const code = /^\d+ (\w+):/.exec(message)?.[1] ?? message;
  return `${code} ${details.replace(/^attestation\.\w+: /, "").replace(/: .*$/s, "")}`;
}

function onTheWire(evidence: Evidence): Attestation["evidence"] {
  switch (evidence.kind) {
    case "aws-web-identity":
      return { $case: "awsWebIdentity", value: evidence };
    case "aws-caller-identity":
      return { $case: "awsCallerIdentity", value: { url: evidence.url, headers: { ...evidence.headers } } };
    case "aws-instance-identity":
      return { $case: "awsInstanceIdentity", value: evidence };
    case "gcp":
      return { $case: "gcpIdentity", value: evidence };
    case "azure":
      return { $case: "azureAttested", value: { pkcs7: evidence.pkcs7, intermediates: [...evidence.intermediates] } };
    case "oidc":
      return { $case: "oidcToken", value: evidence };
    case "nitro-tpm":
      return { $case: "nitroTpm", value: evidence };
    default:
      return evidence satisfies never;
  }
}
