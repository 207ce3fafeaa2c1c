import { generateKeyPairSync, sign } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { oidcTokenEvidence } from "../../agent/adapters/evidence/oidc-token-evidence.ts";
import { registeredFromProto } from "../../agent/adapters/grpc/answers-from-proto.ts";
import { certificateReader } from "../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import type { EvidenceSource } from "../../agent/ports/evidence.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { APP, dial, FACTS, FOREVER, join, VERSIONS } from "./member.ts";
import { TokenFile } from "./token-file.ts";

let plane: EmbeddedControlPlane;
beforeAll(async () => {
  plane = await EmbeddedControlPlane.listen();
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("a join token", () => {
  it("registers one machine, whose facts arrive whole", async () => {
    await using client = dial(plane);
    await using token = await TokenFile.holding(`  ${plane.issueJoinToken(APP)}\n`);
    const identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
    const machine = plane.machines().find(({ id }) => id === identity.machineId);
    expect(machine?.facts).toEqual({
      ...FACTS,
      memoryBytes: BigInt(FACTS.memoryBytes),
      blockDevices: [{ path: "/dev/sda", sizeBytes: 1_000_000_000_000n, model: "disk", serial: "1" }],
    });
    expect(machine?.versions).toEqual(VERSIONS);
    expect(identity.notAfterMs - Date.now()).toBeGreaterThan(30 * 60_000);
  });

  it.each([
    ["is spent", async (used: string) => used],
    ["is unknown", async () => "made-up"],
  ])("asks for new evidence when it %s", async (_name, other) => {
    await using client = dial(plane);
    await using token = await TokenFile.holding(plane.issueJoinToken(APP));
    const source = joinTokenEvidence({ tokenFile: token.path });
    const used = plane.issueJoinToken(APP);
    await token.write(used);
    await join(client, source);
    await token.write(await other(used));
    await expect(join(client, source)).rejects.toMatchObject({ status: "UNAUTHENTICATED", step: "new-evidence" });
  });

  it("is bound to its key: with another key it is worth nothing", async () => {
    await using client = dial(plane);
    await using token = await TokenFile.holding(plane.issueJoinToken(APP));
    const honest = joinTokenEvidence({ tokenFile: token.path });
    const thief: EvidenceSource = {
      kind: "join-token",
      gather: (challenge, key, signal) => honest.gather(challenge, { ...key, spkiSha256: "00".repeat(32) }, signal),
    };
    await expect(join(client, thief)).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
  });

  it("is not taken with a nonce that has expired", async () => {
    await using impatient = await EmbeddedControlPlane.listen({ nonceLifetimeMs: 1 });
    await using client = dial(impatient);
    await using token = await TokenFile.holding(impatient.issueJoinToken(APP));
    const late: EvidenceSource = {
      kind: "join-token",
      async gather(challenge, key, signal) {
        while (Date.now() <= challenge.expiresAtMs) await turn();
        return joinTokenEvidence({ tokenFile: token.path }).gather(challenge, key, signal);
      },
    };
    await expect(join(client, late)).rejects.toMatchObject({ status: "UNAUTHENTICATED", step: "new-evidence" });
  });
});

describe("an OIDC token", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  function jwt(claims: object): string {
    const parts = [{ alg: "ES256", kid: "k" }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    const signature = sign("sha256", Buffer.from(parts.join(".")), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return `${parts.join(".")}.${signature.toString("base64url")}`;
  }

  it("registers a machine, and the next registration takes the file as it is then", async () => {
    plane.trustIssuer({
      issuer: "https://issuer.example",
      jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }] },
      subjects: { "machine:1": APP },
    });
    const claims = {
      iss: "https://issuer.example",
      sub: "machine:1",
      aud: "builder-control-plane.sandbox.internal",
      iat: Math.floor(Date.now() / 1_000),
      exp: Math.floor(Date.now() / 1_000) + 600,
    };
    await using client = dial(plane);
    await using token = await TokenFile.holding(jwt({ ...claims, jti: "1" }));
    const source = oidcTokenEvidence({ tokenFile: token.path });
    plane.forgetMachine((await join(client, source)).machineId);
    await token.write(jwt({ ...claims, jti: "2" }));
    await join(client, source);
    await token.write(jwt({ ...claims, jti: "3", aud: "somebody else" }));
    await expect(join(client, source)).rejects.toMatchObject({ status: "UNAUTHENTICATED", step: "new-evidence" });
  });
});

describe("a machine whose gateway has made no key yet", () => {
  it("registers without one, and gets its serving certificate once the gateway is there", async () => {
    await using client = dial(plane);
    await using token = await TokenFile.holding(plane.issueJoinToken(APP));
    const key = await keyMaker().make();
    const challenge = await client.getChallenge(FOREVER);
    const registered = await client.register(
      {
        nonce: challenge.nonce,
        evidence: await joinTokenEvidence({ tokenFile: token.path }).gather(challenge, key, FOREVER),
        machineRequest: await key.request("builder-machine"),
        facts: FACTS,
        versions: VERSIONS,
      },
      FOREVER,
    );
    expect(registered).not.toHaveProperty("servingChainPem");
    const { machineId, machineChainPem: chainPem } = registered;
    const identity = { machineId, key, chainPem, ...certificateReader().read(chainPem, key) };
    const servingKey = await keyMaker().make();
    const servingRequest = await servingKey.request("builder-serving");
    const { servingChainPem } = await client.renew(identity, { servingRequest }, FOREVER);
    const serving = certificateReader().read(servingChainPem ?? "no chain", servingKey);
    expect(serving.notAfterMs).toBeGreaterThan(Date.now());
  });

  it("is not content with an answer that lacks the certificate that was asked for", () => {
    const answer = {
      machineId: "m-1",
      machineCertificateChain: "-",
      servingCertificateChain: "",
      trustBundle: undefined,
    };
    const asked = { servingRequest: { der: new Uint8Array(1), spkiSha256: "ab" } };
    expect(() => registeredFromProto(answer, asked)).toThrow("serving_certificate_chain is missing");
  });
});

describe("a refused registration", () => {
  it.each([
    ["PERMISSION_DENIED", status.PERMISSION_DENIED, "suspect"],
    ["UNIMPLEMENTED", status.UNIMPLEMENTED, "suspect"],
    ["UNAUTHENTICATED", status.UNAUTHENTICATED, "new-evidence"],
    ["INVALID_ARGUMENT", status.INVALID_ARGUMENT, "retry"],
    ["RESOURCE_EXHAUSTED", status.RESOURCE_EXHAUSTED, "retry"],
  ])("with %s tells what to do, in the control plane's words", async (name, code, step) => {
    await using refusing = await EmbeddedControlPlane.listen();
    refusing.faults.answer("register", new Refusal(code, "because of the moon"));
    await using client = dial(refusing);
    await using token = await TokenFile.holding(refusing.issueJoinToken(APP));
    await expect(join(client, joinTokenEvidence({ tokenFile: token.path }))).rejects.toMatchObject({
      status: name,
      step,
      message: `The control plane answered Register with ${name}: because of the moon`,
    });
  });
});
