import { X509Certificate } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import type { RegisterRequest } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../sandbox/pki/signing-request.ts";
import { APP, bind, joinRequest, PlainAgent, refusal } from "./plain-agent.ts";

it("gives a machine its identity, a serving certificate and the trust bundle", async () => {
  await using plane = await EmbeddedControlPlane.listen({ machineCertificateLifetimeMs: 2_500 });
  using agent = new PlainAgent(plane);
  const { request, key } = await joinRequest(agent, plane.issueJoinToken(APP));
  const before = Date.now();
  const response = await agent.register(request);

  const machine = new X509Certificate(response.machineCertificateChain);
  expect(machine.subjectAltName).toBe(`URI:spiffe://${plane.trustDomain}/machine/${response.machineId}`);
  expect(machine.publicKey.export({ type: "spki", format: "der" })).toEqual(Buffer.from(key.spkiDer));
  expect(machine.verify(new X509Certificate(plane.authorities.machines.certPem).publicKey)).toBe(true);
  expect(Date.parse(machine.validTo)).toBeGreaterThanOrEqual(before + 2_500);
  expect(Date.parse(machine.validTo)).toBeLessThan(before + 10_000);

  const serving = new X509Certificate(response.servingCertificateChain);
  expect(serving.subjectAltName).toBe(`DNS:${plane.machines()[0]?.serverName}`);
  expect(response.trustBundle?.trustDomain).toBe(plane.trustDomain);
  expect(response.trustBundle?.buildCaCertificates).toBe(plane.authorities.builds.certPem);
});

it("knows a machine that registers again within the same boot", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = new PlainAgent(plane);
  const first = await agent.register((await joinRequest(agent, plane.issueJoinToken(APP))).request);
  const again = await agent.register((await joinRequest(agent, plane.issueJoinToken(APP))).request);
  expect(again.machineId).toBe(first.machineId);
});

it("does not take a nonce twice, not even with another token", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = new PlainAgent(plane);
  const { request, key } = await joinRequest(agent, plane.issueJoinToken(APP));
  await agent.register(request);
  const token = plane.issueJoinToken(APP);
  const binding = bind(token, request.nonce, key);
  const again = agent.register({
    ...request,
    attestation: { evidence: { $case: "joinToken", value: { token, binding } } },
  });
  expect(await refusal(again)).toMatchObject({ code: status.UNAUTHENTICATED });
  expect((await refusal(again)).details).toContain("nonce");
});

it("does not take a nonce that is too old", async () => {
  await using plane = await EmbeddedControlPlane.listen({ nonceLifetimeMs: 0 });
  using agent = new PlainAgent(plane);
  const { request } = await joinRequest(agent, plane.issueJoinToken(APP));
  await expect(agent.register(request)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
});

it("does not take a join token twice", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = new PlainAgent(plane);
  const token = plane.issueJoinToken(APP);
  await agent.register((await joinRequest(agent, token)).request);
  const again = await refusal(agent.register((await joinRequest(agent, token)).request));
  expect(again.code).toBe(status.UNAUTHENTICATED);
  expect(again.details).toContain("join_token.token");
});

it("does not take a join token that has expired", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = new PlainAgent(plane);
  const { request } = await joinRequest(agent, plane.issueJoinToken(APP, 0));
  await expect(agent.register(request)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
});

it("does not spend a token for somebody who cannot bind it", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = new PlainAgent(plane);
  const token = plane.issueJoinToken(APP);
  const stolen = await joinRequest(agent, token);
  const otherKey = await KeyPair.generate();
  const machineCsr = await makeSigningRequest(otherKey, "thief");
  await expect(agent.register({ ...stolen.request, machineCsr })).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
  });
  await agent.register((await joinRequest(agent, token)).request);
});

const evidence = (token: string, binding: Uint8Array): Pick<RegisterRequest, "attestation"> => ({
  attestation: { evidence: { $case: "joinToken", value: { token, binding } } },
});

it.each<{
  what: string;
  spoil: (good: RegisterRequest, token: string, key: KeyPair) => Partial<RegisterRequest>;
  code: status;
  names: string;
}>([
  {
    what: "a binding to another nonce",
    spoil: (_, token, key) => evidence(token, bind(token, new Uint8Array(32), key)),
    code: status.UNAUTHENTICATED,
    names: "binding",
  },
  {
    what: "a binding that is too short",
    spoil: (_, token) => evidence(token, new Uint8Array(5)),
    code: status.UNAUTHENTICATED,
    names: "binding",
  },
  {
    what: "a token that was never issued",
    spoil: ({ nonce }, _, key) => evidence("guess", bind("guess", nonce, key)),
    code: status.UNAUTHENTICATED,
    names: "token",
  },
  {
    what: "a nonce of the agent's own",
    spoil: () => ({ nonce: new Uint8Array(32) }),
    code: status.UNAUTHENTICATED,
    names: "nonce",
  },
  {
    what: "a machine request with a bad signature",
    spoil: ({ machineCsr }) => ({ machineCsr: machineCsr.with(machineCsr.length - 8, (machineCsr.at(-8) ?? 0) ^ 1) }),
    code: status.INVALID_ARGUMENT,
    names: "machine_csr",
  },
  {
    what: "no machine request",
    spoil: () => ({ machineCsr: new Uint8Array() }),
    code: status.INVALID_ARGUMENT,
    names: "machine_csr",
  },
  {
    what: "a serving request that is noise",
    spoil: () => ({ servingCsr: new Uint8Array(40).fill(9) }),
    code: status.INVALID_ARGUMENT,
    names: "serving_csr",
  },
  {
    what: "no evidence",
    spoil: () => ({ attestation: undefined }),
    code: status.INVALID_ARGUMENT,
    names: "attestation",
  },
  {
    what: "evidence of a kind that is not taken here",
    spoil: () => ({ attestation: { evidence: { $case: "gcpIdentity", value: { jwt: "x" } } } }),
    code: status.INVALID_ARGUMENT,
    names: "attestation",
  },
  { what: "no facts", spoil: () => ({ facts: undefined }), code: status.INVALID_ARGUMENT, names: "facts" },
])("refuses $what, and names it", async ({ spoil, code, names }) => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = new PlainAgent(plane);
  const token = plane.issueJoinToken(APP);
  const { request, key } = await joinRequest(agent, token);
  const refused = await refusal(agent.register({ ...request, ...spoil(request, token, key) }));
  expect(refused.code).toBe(code);
  expect(refused.details).toContain(names);
  expect(plane.machines()).toEqual([]);
});

it("refuses evidence for another architecture", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = new PlainAgent(plane);
  const { request } = await joinRequest(agent, plane.issueJoinToken({ ...APP, architecture: "arm64" }));
  const refused = await refusal(agent.register(request));
  expect(refused.code).toBe(status.PERMISSION_DENIED);
  expect(refused.metadata.get("builder-agent-refusal")).toEqual(["evidence-refused"]);
});

it("can be told to fail a call", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = new PlainAgent(plane);
  plane.faults.answer("getChallenge", new Refusal(status.RESOURCE_EXHAUSTED, "too busy"));
  await expect(agent.challenge()).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: "too busy" });
  plane.faults.answer("getChallenge", undefined);
  await expect(agent.challenge()).resolves.toBeDefined();
});
