import { createPublicKey } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import { NOW_S } from "./authorities/clock.ts";
import { encoded, type Json } from "./authorities/issuer.ts";
import { makeKey } from "./openssl/authority.ts";
import { type Forgery, sharedReasons } from "./openssl/forgery.ts";
import { OpenSsl } from "./openssl/openssl.ts";
import { accept, claims, documents, google, instanceIdentity } from "./platforms.ts";
import { type Binding, Scene } from "./scene.ts";

const openssl = await OpenSsl.open();
afterAll(() => openssl[Symbol.asyncDispose]());

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
  const [unsigned, unknown, ...others] = sharedReasons(tokens);
  expect(unsigned?.length).toBe(7);
  expect(unknown).toEqual(["of a forger who names a key of his own", "whose key id is a list"]);
  expect(others).toEqual([]);
});
