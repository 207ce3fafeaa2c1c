import { createPublicKey } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import { NOW_S } from "./authorities/clock.ts";
import { encoded, type Json } from "./authorities/issuer.ts";
import { makeKey } from "./openssl/authority.ts";
import { type Forgery, sharedReasons } from "./openssl/forgery.ts";
import { OpenSsl } from "./openssl/openssl.ts";
import { accept, claims, documents, google, instanceIdentity, OTHER_INSTANCE_ID } from "./platforms.ts";
import { type Binding, type Machine, Scene, sha256 } from "./scene.ts";

const openssl = await OpenSsl.open();
afterAll(() => openssl[Symbol.asyncDispose]());

const machineKey = await makeKey(openssl, "p256");
const otherKey = await makeKey(openssl, "p256");
const spkiOf = (key: string) => openssl.run(["pkey", "-in", key, "-pubout", "-outform", "DER"]);
const SPKI = await spkiOf(machineKey);
const requested = (key: string, more: readonly string[] = []) =>
  openssl.run(["req", "-new", "-key", key, "-subj", "/CN=builder", "-outform", "DER", ...more]);

/** The challenge of the machine that has `machineKey`, with a request of whatever kind. */
async function challenged(scene: Scene, csr: Uint8Array): Promise<Machine> {
  return { ...(await scene.challenge()), spki: SPKI, csr };
}

const tokenOf = (binding: Binding): Evidence => ({ kind: "gcp", jwt: google.token(claims.gcp(binding)) });

it("takes openssl's request, and none of what was smuggled into it", async () => {
  const args = ["-new", "-key", machineKey, "-outform", "DER", "-config", await openssl.file(SMUGGLING)];
  const csr = await openssl.run(["req", ...args]);
  for (const smuggled of ["a secret of the request", "spiffe://plane.example/org/evil"])
    expect(csr.includes(smuggled)).toBe(true);
  const scene = new Scene(accept);
  const machine = await challenged(scene, csr);
  const identity = await scene.verify(tokenOf(machine), machine);
  expect(identity).toEqual({
    ...{ verdict: "verified", kind: "gcp", instance: "gcp/acme-builders/4567890123456789012" },
    ...{ project: "acme-builders", zone: "europe-west3-a", instanceId: "4567890123456789012" },
    serviceAccount: "112233445566778899000",
    keySha256: sha256(SPKI).toString("hex"),
  });
});

it("takes openssl's request for an RSA key", async () => {
  const key = await makeKey(openssl, "rsa2048");
  const scene = new Scene(accept);
  const machine = { ...(await challenged(scene, await requested(key))), spki: await spkiOf(key) };
  expect(await scene.verify(tokenOf(machine), machine)).toMatchObject({ verdict: "verified" });
});

const requests: readonly Forgery<() => Promise<Uint8Array>>[] = [
  {
    what: "for another key than the token's",
    forge: () => requested(otherKey),
    code: "key-mismatch",
    reason: "The token is bound to another key.",
  },
  {
    what: "for the key of somebody else, who has not signed it",
    forge: async () => {
      return replaced(await requested(otherKey), await spkiOf(otherKey), SPKI);
    },
    code: "key-not-proved",
    reason: "The certificate request is not signed by its own key.",
  },
  {
    what: "signed with SHA-1",
    forge: () => requested(machineKey, ["-sha1"]),
    code: "algorithm-not-allowed",
    reason: "The certificate request's signature is 1.2.840.10045.4.1.",
  },
  {
    what: "signed with MD5",
    forge: async () => requested(await makeKey(openssl, "rsa2048"), ["-md5"]),
    code: "algorithm-not-allowed",
    reason: "The certificate request's signature is 1.2.840.113549.1.1.4.",
  },
  {
    what: "for a key of 1024 bits",
    forge: async () => requested(await makeKey(openssl, "rsa1024")),
    code: "key-weak",
    reason: "The key of the certificate request has 1024 bits.",
  },
  {
    what: "for a key of Ed25519",
    forge: async () => requested(await openssl.file(await openssl.run(["genpkey", "-algorithm", "ED25519"]))),
    code: "key-weak",
    reason: "The key of the certificate request is of a kind that is not taken: ed25519.",
  },
  {
    what: "with bytes behind it",
    forge: async () => Buffer.concat([await requested(machineKey), Buffer.from("more")]),
    code: "key-not-proved",
    reason: "The certificate request has bytes behind its end.",
  },
  {
    what: "in PEM",
    forge: () => openssl.run(["req", "-new", "-key", machineKey, "-subj", "/CN=x"]),
    code: "key-not-proved",
    reason: "The certificate request is PEM, where bytes belong.",
  },
  {
    what: "that is a certificate",
    forge: () => requested(machineKey, ["-x509"]),
    code: "key-not-proved",
    reason: "The certificate request is not PKCS#10, or its key cannot be read.",
  },
  {
    what: "of 17 KiB",
    forge: async () => requested(machineKey, ["-addext", `nsComment=${"x".repeat(17_000)}`]),
    code: "oversized",
    reason: "The certificate request is longer than 16384 bytes.",
  },
];

it.each(requests)("refuses a request $what: $code", async ({ forge, code, reason }) => {
  const scene = new Scene(accept);
  const machine = await challenged(scene, await forge());
  const verdict = await scene.verify(tokenOf(machine), machine);
  expect(verdict).toMatchObject({ verdict: "refused", code, reason });
});

/** Google's key, as everybody has it. */
const PUBLIC = google.keys.publicKey;
const GENUINE = await openssl.file(google.keys.privateKey.export({ type: "pkcs8", format: "pem" }));
const FORGERS = await makeKey(openssl, "rsa2048");
const CURVE = await makeKey(openssl, "p256");
const header = (changes: Json = {}) =>
  encoded(JSON.stringify({ alg: "RS256", typ: "JWT", kid: google.kid, ...changes }));
const body = (binding: Binding, changes: Json = {}) => encoded(JSON.stringify({ ...claims.gcp(binding), ...changes }));

async function token(signed: string, args: readonly string[]): Promise<string> {
  return `${signed}.${(await openssl.run(["dgst", "-sha256", "-binary", ...args], signed)).toString("base64url")}`;
}

const rs256 = (signed: string, key = GENUINE) => token(signed, ["-sign", key]);
const hmac = (signed: string, key: Buffer) =>
  token(signed, ["-mac", "HMAC", "-macopt", `hexkey:${key.toString("hex")}`]);

it("takes a token that openssl has signed with the issuer's key", async () => {
  const verdict = await new Scene(accept).register(async (b) => ({
    kind: "gcp",
    jwt: await rs256(`${header()}.${body(b)}`),
  }));
  expect(verdict).toMatchObject({ verdict: "verified" });
});

const tokens: readonly Forgery<(binding: Binding) => Promise<string>>[] = [
  {
    what: "that nobody has signed",
    forge: (b) => Promise.resolve(`${header({ alg: "none" })}.${body(b)}.`),
    code: "algorithm-not-allowed",
    reason: 'The token is signed with "none".',
  },
  {
    what: "that nobody has signed, in another spelling",
    forge: (b) => rs256(`${header({ alg: "nOnE" })}.${body(b)}`),
    code: "algorithm-not-allowed",
    reason: 'The token is signed with "nOnE".',
  },
  {
    what: "with the public key as a secret, in PEM",
    forge: (b) =>
      hmac(`${header({ alg: "HS256" })}.${body(b)}`, Buffer.from(PUBLIC.export({ type: "spki", format: "pem" }))),
    code: "algorithm-not-allowed",
    reason: 'The token is signed with "HS256".',
  },
  {
    what: "with the public key as a secret, in DER, called RS256",
    forge: (b) => hmac(`${header()}.${body(b)}`, PUBLIC.export({ type: "spki", format: "der" })),
    code: "signature-invalid",
    reason: "The token is not signed by the issuer's key that it names.",
  },
  {
    what: "of a forger who names the issuer's key",
    forge: (b) => rs256(`${header()}.${body(b)}`, FORGERS),
    code: "signature-invalid",
    reason: "The token is not signed by the issuer's key that it names.",
  },
  {
    what: "of a forger who names a key of his own",
    forge: (b) => rs256(`${header({ kid: "forger" })}.${body(b)}`, FORGERS),
    code: "key-unknown",
    reason: "The token is signed by a key that is not among the issuer's.",
  },
  {
    what: "of a forger who brings his key",
    forge: async (b) => {
      const key = createPublicKey(await openssl.run(["pkey", "-in", FORGERS, "-pubout"]));
      return rs256(`${header({ jwk: key.export({ format: "jwk" }) })}.${body(b)}`, FORGERS);
    },
    code: "key-in-token",
    reason: 'The token\'s header brings a key, or says where one is: "jwk".',
  },
  {
    what: "of a forger who says where his key is",
    forge: (b) => rs256(`${header({ jku: "https://evil.example/keys" })}.${body(b)}`, FORGERS),
    code: "key-in-token",
    reason: 'The token\'s header brings a key, or says where one is: "jku".',
  },
  {
    what: "whose key id is a list",
    forge: (b) => rs256(`${header({ kid: [google.kid] })}.${body(b)}`),
    code: "key-unknown",
    reason: "The token is signed by a key that is not among the issuer's.",
  },
  {
    what: "signed on a curve, called RS256",
    forge: (b) => rs256(`${header()}.${body(b)}`, CURVE),
    code: "signature-invalid",
    reason: "The token is not signed by the issuer's key that it names.",
  },
  {
    what: "signed with RSA-PSS, called RS256",
    forge: (b) => token(`${header()}.${body(b)}`, ["-sigopt", "rsa_padding_mode:pss", "-sign", GENUINE]),
    code: "signature-invalid",
    reason: "The token is not signed by the issuer's key that it names.",
  },
  {
    what: "signed with SHA-1, called RS256",
    forge: async (b) => {
      const signed = `${header()}.${body(b)}`;
      const signature = await openssl.run(["dgst", "-sha1", "-binary", "-sign", GENUINE], signed);
      return `${signed}.${signature.toString("base64url")}`;
    },
    code: "signature-invalid",
    reason: "The token is not signed by the issuer's key that it names.",
  },
  {
    what: "whose claims were changed after it was signed",
    forge: async (b) => {
      const [head, , signature] = (await rs256(`${header()}.${body(b)}`)).split(".");
      return `${head}.${body(b, { sub: "998877" })}.${signature}`;
    },
    code: "signature-invalid",
    reason: "The token is not signed by the issuer's key that it names.",
  },
  {
    what: "with the signature of an earlier one",
    forge: async (b) => {
      const earlier = await rs256(`${header()}.${body(b, { iat: NOW_S - 60 })}`);
      return `${header()}.${body(b)}.${earlier.split(".")[2]}`;
    },
    code: "signature-invalid",
    reason: "The token is not signed by the issuer's key that it names.",
  },
  {
    what: "in the other alphabet of base64",
    forge: async (b) => {
      const [head, claimed, signature = ""] = (await rs256(`${header()}.${body(b)}`)).split(".");
      return `${head}.${claimed}.${Buffer.from(signature, "base64url").toString("base64")}`;
    },
    code: "malformed",
    reason: "A part of the token is not base64url.",
  },
  {
    what: "with a name of the header twice",
    forge: (b) => rs256(`${encoded(`{"alg":"none","alg":"RS256","kid":"${google.kid}"}`)}.${body(b)}`),
    code: "duplicate-key",
    reason: 'The token\'s header has "alg" twice in one object.',
  },
  {
    what: "of an instance identity document that says it is one",
    forge: async () => {
      const evidence = await instanceIdentity(documents.aws());
      return evidence.kind === "aws-instance-identity" ? Buffer.from(evidence.signature).toString("base64url") : "";
    },
    code: "malformed",
    reason: "The token does not have three parts.",
  },
];

it.each(tokens)("refuses a token $what: $code", async ({ forge, code, reason }) => {
  const verdict = await new Scene(accept).register(async (b) => ({ kind: "gcp", jwt: await forge(b) }));
  expect(verdict).toMatchObject({ verdict: "refused", code, reason });
});

it("tells each forgery from the others in the audit log, but by whom a token is signed", () => {
  const [unsigned, unknown, ...others] = sharedReasons([...requests, ...tokens]);
  expect(unsigned?.length).toBe(7);
  expect(unknown).toEqual(["of a forger who names a key of his own", "whose key id is a list"]);
  expect(others).toEqual([]);
});

const SMUGGLING = `
[req]
prompt = no
distinguished_name = dn
attributes = attributes
req_extensions = extensions
[dn]
O = evil
CN = ${OTHER_INSTANCE_ID}
[extensions]
basicConstraints = CA:TRUE
subjectAltName = DNS:${OTHER_INSTANCE_ID},URI:spiffe://plane.example/org/evil
[attributes]
challengePassword = a secret of the request
unstructuredName = ${OTHER_INSTANCE_ID}
`;

/** The same request with another key in it: both are of one length. */
function replaced(request: Buffer, from: Uint8Array, to: Uint8Array): Buffer {
  const copy = Buffer.from(request);
  copy.set(to, copy.indexOf(from));
  expect(to.length).toBe(from.length);
  return copy;
}
