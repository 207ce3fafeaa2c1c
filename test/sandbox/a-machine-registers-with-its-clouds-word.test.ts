import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import type { Attestation } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { AttestationOptions } from "../../sandbox/control-plane/attestations.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../sandbox/pki/signing-request.ts";
import { pieces, Sts, signedHeaders } from "../verifier/authorities/sts.ts";
import { accept, awsIssuer, callerHeaders, claims, google, REGION } from "../verifier/platforms.ts";
import type { Binding } from "../verifier/scene.ts";
import { APP, FACTS, PlainAgent, refusal } from "./plain-agent.ts";

type Attest = (binding: Binding) => Attestation["evidence"];

const webIdentity: Attest = (binding) => ({
  $case: "awsWebIdentity",
  value: { jwt: awsIssuer.token(claims.aws(binding, Date.now())) },
});
const callerIdentity: Attest = (binding) => ({
  $case: "awsCallerIdentity",
  value: {
    url: `https://sts.${REGION}.amazonaws.com/`,
    headers: signedHeaders(callerHeaders(binding, Date.now()), REGION),
  },
});
const gcp: Attest = (binding) => ({
  $case: "gcpIdentity",
  value: { jwt: google.token(claims.gcp(binding, Date.now())) },
});

function listen(sts: Sts, options: Partial<AttestationOptions> = {}): Promise<EmbeddedControlPlane> {
  return EmbeddedControlPlane.listen({
    attestation: {
      accept,
      entitle: ({ instance }) => (instance === undefined ? undefined : APP),
      fetch: sts.fetch,
      ...options,
    },
  });
}

async function register(plane: EmbeddedControlPlane, attest: Attest) {
  using agent = new PlainAgent(plane);
  const { nonce, audience } = await agent.challenge();
  const key = await KeyPair.generate();
  return await agent.register({
    nonce,
    attestation: { evidence: attest({ nonce, audience, spki: key.spkiDer }) },
    machineCsr: await makeSigningRequest(key, "machine"),
    servingCsr: new Uint8Array(),
    facts: FACTS,
    versions: undefined,
  });
}

it.each([
  { what: "a web identity of AWS", attest: webIdentity },
  { what: "a signed request to AWS", attest: callerIdentity },
  { what: "an identity token of Google", attest: gcp },
])("takes $what where that is configured, and knows whose machine it is", async ({ attest }) => {
  await using plane = await listen(new Sts());
  const { machineId } = await register(plane, attest);
  expect(plane.machines().map(({ id, project }) => ({ id, ref: project.ref }))).toEqual([{ id: machineId, ref: APP }]);
});

it("takes none of it by itself", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  const error = await refusal(register(plane, gcp));
  expect(error).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: "attestation.gcp_identity: kind-not-accepted",
  });
});

it("refuses a machine that is nobody's", async () => {
  await using plane = await listen(new Sts(), { entitle: () => undefined });
  const error = await refusal(register(plane, webIdentity));
  expect(error).toMatchObject({ code: status.UNAUTHENTICATED, details: "attestation.aws_web_identity: not-allowed" });
});

it("refuses evidence that is bound to another key", async () => {
  await using plane = await listen(new Sts());
  const { spkiDer: spki } = await KeyPair.generate();
  const error = await refusal(register(plane, (binding) => gcp({ ...binding, spki })));
  expect(error).toMatchObject({ code: status.UNAUTHENTICATED, details: "attestation.gcp_identity: key-mismatch" });
});

it("asks to try again while AWS cannot be asked", async () => {
  const sts = new Sts();
  sts.failure = () => Promise.resolve({ status: 503, body: pieces() });
  await using plane = await listen(sts);
  const error = await refusal(register(plane, callerIdentity));
  expect(error).toMatchObject({
    code: status.UNAVAILABLE,
    details: "attestation.aws_caller_identity: platform-unavailable",
  });
});
