import "reflect-metadata";
import { generateKeyPairSync } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority, selfSigned } from "../../sandbox/pki/certificate-authority.ts";
import { CLIENT_AUTH, SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { grantFor, HOUR_MS, Rig, TRUST_DOMAIN, uriOf } from "./rig.ts";
import { visit } from "./visit.ts";

let rig: Rig;
let stranger: CertificateAuthority;
let impostor: CertificateAuthority;
let intermediate: CertificateAuthority;

beforeAll(async () => {
  rig = await Rig.start();
  stranger = await CertificateAuthority.create({ name: "stranger" });
  impostor = await CertificateAuthority.create({ name: "build CA" });
  intermediate = await rig.ca.intermediate({ name: "intermediate" });
  await rig.allow({
    grants: new Map(
      [
        grantFor("b1"),
        grantFor("short", { expiresAtMs: Date.now() - 1_000 }),
        grantFor("pinned", { keySpkiSha256: "0".repeat(64) }),
      ].map((grant) => [grant.buildId, grant]),
    ),
    closed: new Map([
      ["ended", "ended"],
      ["revoked", "revoked"],
    ]),
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

const ago = (ms: number): Date => new Date(Date.now() - ms);

function pairOf(kind: "rsa" | "ec" | "ed25519", size: number | string) {
  if (kind === "rsa") return generateKeyPairSync("rsa", { modulusLength: Number(size) });
  if (kind === "ec") return generateKeyPairSync("ec", { namedCurve: String(size) });
  return generateKeyPairSync("ed25519");
}

/** For build b1, with a key of another kind. */
async function certifiedFor(kind: "rsa" | "ec" | "ed25519", size: number | string) {
  const { publicKey, privateKey } = pairOf(kind, size);
  const spkiDer = publicKey.export({ type: "spki", format: "der" });
  const { chainPem } = await rig.ca.certify({ spkiDer }, { uriSans: [uriOf("b1")] });
  return { chainPem, keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

describe("a certificate of a build that is open", () => {
  it.each([
    { what: "that our CA signed", certificate: () => rig.issue("b1") },
    { what: "below an intermediate of ours", certificate: () => intermediate.issue({ uriSans: [uriOf("b1")] }) },
    { what: "with an RSA key of 2048 bits", certificate: () => certifiedFor("rsa", 2048) },
    { what: "with a P-521 key", certificate: () => certifiedFor("ec", "P-521") },
    { what: "with an Ed25519 key", certificate: () => certifiedFor("ed25519", 255) },
    { what: "with a DNS name beside it", certificate: () => rig.issue("b1", { dnsSans: ["laptop.test"] }) },
  ])("$what is let in", async ({ certificate }) => {
    expect(await visit(rig, rig.connect(await certificate()))).toMatchObject({ served: true });
  });
});

describe("a certificate is refused, with its reason in the log", () => {
  const uriSans = [uriOf("b1")];
  it.each([
    { what: "of another CA", issue: () => stranger.issue({ uriSans }), reason: "chain-not-trusted" },
    { what: "of another CA with our CA's name", issue: () => impostor.issue({ uriSans }), reason: "chain-not-trusted" },
    { what: "that signed itself", issue: () => selfSigned({ uriSans }), reason: "chain-not-trusted" },
    {
      what: "of another org",
      issue: () => rig.ca.issue({ uriSans: [uriOf("b1", { org: "evil" })] }),
      reason: "no-grant",
    },
    {
      what: "of another project",
      issue: () => rig.ca.issue({ uriSans: [uriOf("b1", { project: "other" })] }),
      reason: "no-grant",
    },
    { what: "of a build that was never granted", issue: () => rig.issue("b2"), reason: "no-grant" },
    {
      what: "of another trust domain",
      issue: () => rig.ca.issue({ uriSans: [uriOf("b1", { domain: `not-${TRUST_DOMAIN}` })] }),
      reason: "not-a-build-identity",
    },
    {
      what: "with two URI names",
      issue: () => rig.ca.issue({ uriSans: [uriOf("b1"), uriOf("b2")] }),
      reason: "not-exactly-one-uri-san",
    },
    {
      what: "with the same URI name twice",
      issue: () => rig.ca.issue({ uriSans: [uriOf("b1"), uriOf("b1")] }),
      reason: "not-exactly-one-uri-san",
    },
    { what: "without a URI name", issue: () => rig.ca.issue({ dnsSans: ["b1"] }), reason: "not-exactly-one-uri-san" },
    {
      what: "with the URI inside a DNS name",
      issue: () => rig.ca.issue({ dnsSans: [`x, URI:${uriOf("b1")}`] }),
      reason: "not-exactly-one-uri-san",
    },
    {
      what: "that is a CA",
      issue: () => rig.issue("b1", { isCa: true, extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"] }),
      reason: "certificate-is-a-ca",
    },
    {
      what: "that has expired",
      issue: () => rig.issue("b1", { notBefore: ago(HOUR_MS), notAfter: ago(2_000) }),
      reason: "certificate-expired",
    },
    {
      what: "that is not yet valid",
      issue: () => rig.issue("b1", { notBefore: ago(-60_000) }),
      reason: "certificate-not-yet-valid",
    },
    {
      what: "for servers only",
      issue: () => rig.issue("b1", { extendedKeyUsage: [SERVER_AUTH] }),
      reason: "chain-not-trusted",
    },
    {
      what: "for no stated purpose",
      issue: () => rig.issue("b1", { extendedKeyUsage: [] }),
      reason: "not-for-client-authentication",
    },
    { what: "of a build that has ended", issue: () => rig.issue("ended"), reason: "build-ended" },
    { what: "of a build that was revoked", issue: () => rig.issue("revoked"), reason: "build-revoked" },
    { what: "whose grant has expired", issue: () => rig.issue("short"), reason: "grant-expired" },
    { what: "with another key than the granted one", issue: () => rig.issue("pinned"), reason: "key-not-granted" },
  ])("$what → $reason", async ({ issue, reason }) => {
    const certificate = await issue();
    const outcome = await visit(rig, rig.connect(certificate));
    expect(outcome).toMatchObject({
      served: false,
      reason,
      certificate: { serial: certificate.serial, keySpkiSha256: certificate.spkiSha256 },
    });
  });

  it("with its names in two extensions → chain-not-trusted", async () => {
    // RFC 5280, section 4.2: an extension comes once. A reader that takes the first would see one
    // good name.
    const key = await KeyPair.generate();
    const names = [uriOf("b1"), uriOf("b2")].map(
      (value) => new x509.SubjectAlternativeNameExtension([{ type: "url", value }]),
    );
    const certificate = await x509.X509CertificateGenerator.create({
      subject: "CN=twice",
      issuer: "CN=build CA",
      notBefore: ago(60_000),
      notAfter: ago(-HOUR_MS),
      publicKey: key.publicKey,
      signingKey: rig.ca.key.privateKey,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [new x509.ExtendedKeyUsageExtension([CLIENT_AUTH]), ...names],
    });
    const chainPem = certificate.toString("pem");
    const outcome = await visit(rig, rig.connect({ chainPem, keyPem: key.privateKeyPem }));
    expect(outcome).toMatchObject({ served: false, reason: "chain-not-trusted" });
  });

  it("that is not there at all → no-certificate, with the CAs that were asked for", async () => {
    expect(await visit(rig, rig.connect())).toMatchObject({
      served: false,
      reason: "no-certificate",
      detail: "the client has none, or none that was issued below: CN=build CA",
    });
  });

  it("of a kind of key that we do not accept → key-not-accepted, on every Node", async () => {
    const weak = await certifiedFor("rsa", 1024);
    // So that the client's own OpenSSL takes it.
    const client = rig.connect(weak, { ciphers: "DEFAULT@SECLEVEL=0" });
    expect(await visit(rig, client)).toMatchObject({
      served: false,
      reason: "key-not-accepted",
      detail: "the client's key is RSA with 1024 bits",
    });
  });

  it("counts each by its reason", async () => {
    await visit(rig, rig.connect(await stranger.issue({ uriSans })));
    const { stats } = await rig.eventOf("stats", ({ stats }) => (stats.refused["chain-not-trusted"] ?? 0) > 0);
    expect(stats.refused).not.toHaveProperty("undefined");
  });
});
