import { createHash, createPublicKey, verify } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { inspect } from "node:util";
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { awsCallerIdentityEvidence } from "../../agent/adapters/evidence/aws-caller-identity-evidence.ts";
import { awsInstanceIdentityEvidence } from "../../agent/adapters/evidence/aws-instance-identity-evidence.ts";
import { awsWebIdentityEvidence } from "../../agent/adapters/evidence/aws-web-identity-evidence.ts";
import { azureEvidence } from "../../agent/adapters/evidence/azure-evidence.ts";
import { gcpEvidence } from "../../agent/adapters/evidence/gcp-evidence.ts";
import { nitroTpmEvidence } from "../../agent/adapters/evidence/nitro-tpm-evidence.ts";
import { oidcSocketEvidence } from "../../agent/adapters/evidence/oidc-socket-evidence.ts";
import { oidcUrlEvidence } from "../../agent/adapters/evidence/oidc-url-evidence.ts";
import { registrationToProto } from "../../agent/adapters/grpc/registration-to-proto.ts";
import type { Evidence, EvidenceSource } from "../../agent/ports/evidence.ts";
import { MetadataServer } from "../../sandbox/metadata/metadata-server.ts";
import { tokenUrl } from "../../sandbox/metadata/token-url.ts";
import { parseCertificate } from "../../verifier/src/x509/certificate.ts";
import { SignedContent } from "../../verifier/src/x509/signed-data.ts";
import { FACTS, VERSIONS } from "../plane/member.ts";
import { AUDIENCE, CHALLENGE, FOREVER, KEY } from "./stage/challenge.ts";
import { attestTool, ISSUERS, Platforms } from "./stage/platforms.ts";

let platforms: Platforms;
beforeAll(async () => {
  platforms = await Platforms.open();
});
afterAll(() => platforms[Symbol.asyncDispose]());

/** As it goes to the control plane, which is the only way for it to leave the process. */
async function attestation(source: EvidenceSource) {
  const evidence = await source.gather(CHALLENGE, KEY, FOREVER);
  expectsToPrintNothing(evidence);
  const machineRequest = { der: new Uint8Array(), spkiSha256: KEY.spkiSha256 };
  const known = { nonce: CHALLENGE.nonce, machineRequest, facts: FACTS, versions: VERSIONS };
  return registrationToProto({ ...known, evidence }).attestation?.evidence;
}

function expectsToPrintNothing(evidence: Evidence): void {
  const { kind, ...rest } = evidence;
  const told = inspect(rest, { depth: 9 }) + JSON.stringify(rest);
  expect(told).toContain("[secret]");
  expect(told).not.toMatch(/eyJ|canary|MII/);
  expect(kind).not.toBe("");
}

/** Verified with the issuer's published keys. */
async function claimsOf(jwt: string, of: keyof typeof ISSUERS, algorithm: string): Promise<JWTPayload> {
  const keys = createRemoteJWKSet(new URL("/jwks", platforms.jwks[of].url));
  const { payload } = await jwtVerify(jwt, keys, { issuer: ISSUERS[of], algorithms: [algorithm] });
  return payload;
}

describe("AWS", () => {
  it("gives a web identity token for the bound audience that names the instance and is short-lived", async () => {
    const sent = await attestation(awsWebIdentityEvidence(platforms.places));
    if (sent?.$case !== "awsWebIdentity") throw new Error(sent?.$case);
    const claims = await claimsOf(sent.value.jwt, "aws", "ES384");
    expect(claims.aud).toBe(AUDIENCE);
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
    expect(claims["https://sts.amazonaws.com/"]).toMatchObject({
      ec2_source_instance_arn: "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0",
    });
  });

  it("gives a shorter token when the role's session is about to end", async () => {
    await using others = await Platforms.open();
    others.stsSwitches.sessionLeftS = 90;
    const evidence = await awsWebIdentityEvidence(others.places).gather(CHALLENGE, KEY, FOREVER);
    if (evidence.kind !== "aws-web-identity") throw new Error(evidence.kind);
    const claims = await claimsOf(evidence.jwt.reveal(), "aws", "ES384");
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(60);
    expect(others.sts.requests()).toHaveLength(2);
  });

  it("takes a signed GetCallerIdentity as it is, with nonce and key in a header that is signed", async () => {
    const before = platforms.sts.requests().length;
    const sent = await attestation(awsCallerIdentityEvidence(platforms.places));
    if (sent?.$case !== "awsCallerIdentity") throw new Error(sent?.$case);
    expect(platforms.sts.requests()).toHaveLength(before);
    const { url, headers } = sent.value;
    expect(url).toBe(`${platforms.sts.url}/`);
    const binding = Buffer.concat([CHALLENGE.nonce, Buffer.from(KEY.spkiSha256, "hex")]).toString("base64url");
    expect(headers["x-builder-agent-binding"]).toBe(binding);
    expect(headers["authorization"]).toMatch(/SignedHeaders=[^,]*x-builder-agent-binding/);
    expect(Object.keys(headers)).toEqual(Object.keys(headers).map((name) => name.toLowerCase()));
    const body = "Action=GetCallerIdentity&Version=2011-06-15";
    const asked = await fetch(url, { method: "POST", headers, body });
    expect(await asked.text()).toContain(
      "<Arn>arn:aws:sts::111122223333:assumed-role/builder/i-0123456789abcdef0</Arn>",
    );
    const rebound = await fetch(url, {
      method: "POST",
      headers: { ...headers, "x-builder-agent-binding": "AAAA" },
      body,
    });
    expect(await rebound.text()).toContain("<Code>SignatureDoesNotMatch</Code>");
  });

  it("names the regional endpoint of STS where no other is configured", async () => {
    const { awsMetadataUrl } = platforms.places;
    const sent = await attestation(awsCallerIdentityEvidence({ awsMetadataUrl }));
    if (sent?.$case !== "awsCallerIdentity") throw new Error(sent?.$case);
    expect(sent.value.url).toBe("https://sts.eu-central-1.amazonaws.com/");
    expect(sent.value.headers["host"]).toBe("sts.eu-central-1.amazonaws.com");
  });

  it("gives the instance identity document with its PKCS#7 signature, in which the document is, too", async () => {
    const sent = await attestation(awsInstanceIdentityEvidence(platforms.places));
    if (sent?.$case !== "awsInstanceIdentity") throw new Error(sent?.$case);
    const document = Buffer.from(sent.value.document);
    expect(JSON.parse(document.toString())).toMatchObject({ instanceId: "i-0123456789abcdef0" });
    // EC2 signs attributes that hold the document's digest.
    const signed = SignedContent.read(sent.value.signature);
    await signed.verifyWith([parseCertificate(platforms.signers.document.certificateDer)], "the platform's");
    expect(document.equals(signed.content)).toBe(true);
  });

  it("is asked by IMDSv2 only", async () => {
    await using others = await Platforms.open();
    await awsInstanceIdentityEvidence(others.places).gather(CHALLENGE, KEY, FOREVER);
    const [first, ...rest] = others.imds.requests();
    expect(first).toMatchObject({ method: "PUT", path: "/latest/api/token" });
    for (const { headers } of rest) expect(headers["x-aws-ec2-metadata-token"]).toMatch(/./);
  });
});

describe("Google's cloud", () => {
  it("gives a token for the bound audience in full format", async () => {
    const sent = await attestation(gcpEvidence(platforms.places));
    if (sent?.$case !== "gcpIdentity") throw new Error(sent?.$case);
    const claims = await claimsOf(sent.value.jwt, "gcp", "RS256");
    expect(claims.aud).toBe(AUDIENCE);
    expect(claims["google"]).toMatchObject({ compute_engine: { instance_id: "8087716956832600000" } });
  });
});

describe("Azure", () => {
  const nonce = createHash("sha256")
    .update("builder-agent azure v1\0")
    .update(CHALLENGE.nonce)
    .update(Buffer.from(KEY.spkiSha256, "hex"))
    .digest("hex")
    .slice(0, 32);

  it("gives the attested document with challenge and key in its nonce", async () => {
    const sent = await attestation(azureEvidence(platforms.places));
    if (sent?.$case !== "azureAttested") throw new Error(sent?.$case);
    const content = contentOf(sent.value.pkcs7);
    expect(JSON.parse(content.toString())).toMatchObject({ nonce, vmId: "02aab8a4-74ef-476e-8182-f6d2ba4166a6" });
    expect(isSigned(sent.value.pkcs7, content)).toBe(true);
    expect(sent.value.intermediates).toEqual([]);
  });

  it("is asked again with the same nonce when it answers from its cache", async () => {
    await using others = await Platforms.open();
    others.azure.faults.set("*", { kind: "stale" }, 2);
    const evidence = await azureEvidence(others.places).gather(CHALLENGE, KEY, FOREVER);
    if (evidence.kind !== "azure") throw new Error(evidence.kind);
    expect(JSON.parse(contentOf(evidence.pkcs7.reveal()).toString())).toMatchObject({ nonce });
    expect(others.azure.requests().map(({ query }) => query.get("nonce"))).toEqual([nonce, nonce, nonce]);
  });
});

describe("an OIDC token", () => {
  it("from a unix socket is for the bound audience", async () => {
    const sent = await attestation(oidcSocketEvidence(platforms.places));
    if (sent?.$case !== "oidcToken") throw new Error(sent?.$case);
    const claims = await claimsOf(sent.value.jwt, "fly", "RS256");
    expect(claims).toMatchObject({ aud: AUDIENCE, machine_id: "e2865013f24908" });
  });

  it("from a URL is for the bound audience, and the URL's own query stays", async () => {
    const sent = await attestation(oidcUrlEvidence(platforms.places));
    if (sent?.$case !== "oidcToken") throw new Error(sent?.$case);
    expect((await claimsOf(sent.value.jwt, "url", "RS256")).aud).toBe(AUDIENCE);
    expect(platforms.url.requests().at(-1)?.query.get("api-version")).toBe("2");
  });

  it("from a URL may come as JSON, and be had without a bearer token", async () => {
    const options = {
      issuer: ISSUERS.url,
      subject: "machine:1",
      signer: platforms.signers.rsa,
      form: "value",
    } as const;
    await using server = await MetadataServer.listen({ replier: tokenUrl(options) });
    const sent = await attestation(oidcUrlEvidence({ oidcUrl: server.url }));
    if (sent?.$case !== "oidcToken") throw new Error(sent?.$case);
    expect((await claimsOf(sent.value.jwt, "url", "RS256")).aud).toBe(AUDIENCE);
  });
});

describe("the NitroTPM", () => {
  it("gives a document with the nonce and the whole key in it, and nothing stays on disk", async () => {
    const places = `echo "$2" "$4" > ${platforms.folder}/places`;
    const nitroTpmAttest = await attestTool(platforms.folder, places);
    const sent = await attestation(nitroTpmEvidence({ nitroTpmAttest }));
    if (sent?.$case !== "nitroTpm") throw new Error(sent?.$case);
    const document = Buffer.from(sent.value.document);
    expect(document.subarray(2)).toEqual(Buffer.concat([KEY.spkiDer, CHALLENGE.nonce]));
    for (const place of (await readFile(`${platforms.folder}/places`, "utf8")).trim().split(" "))
      await expect(access(place)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

/** The signature is the last of its 256 bytes. */
function isSigned(pkcs7: Uint8Array, content: Buffer): boolean {
  const bytes = Buffer.from(pkcs7);
  const publicKey = createPublicKey(platforms.signers.document.privateKey);
  return bytes.includes(content) && verify("sha256", content, publicKey, bytes.subarray(-256));
}

/** The JSON in it. */
function contentOf(pkcs7: Uint8Array): Buffer {
  const bytes = Buffer.from(pkcs7);
  const from = bytes.indexOf("{");
  return bytes.subarray(from, bytes.indexOf('"}', bytes.indexOf("vmId")) + 2);
}
