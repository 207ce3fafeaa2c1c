import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import type { TrustedIssuer } from "../../sandbox/control-plane/attestations.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../sandbox/pki/signing-request.ts";
import { APP, FACTS, PlainAgent, refusal } from "./plain-agent.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const stranger = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

const ISSUER: TrustedIssuer = {
  issuer: "https://issuer.example",
  jwks: {
    keys: [
      { ...rsa.publicKey.export({ format: "jwk" }), kid: "rsa" },
      { ...ec.publicKey.export({ format: "jwk" }), kid: "ec" },
    ],
  },
  subjects: { "machine-7": APP },
};

interface Token {
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  readonly key: KeyObject;
}

function good(audience = "builder-control-plane.sandbox.internal"): Token {
  const nowS = Math.floor(Date.now() / 1_000);
  return {
    header: { alg: "ES256", kid: "ec" },
    claims: { iss: ISSUER.issuer, sub: "machine-7", aud: audience, iat: nowS - 1, nbf: nowS - 1, exp: nowS + 60 },
    key: ec.privateKey,
  };
}

function jwt({ header, claims, key }: Token): string {
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

async function register(plane: EmbeddedControlPlane, token: string, key?: KeyPair) {
  using agent = new PlainAgent(plane);
  const { nonce } = await agent.challenge();
  return await agent.register({
    nonce,
    attestation: { evidence: { $case: "oidcToken", value: { jwt: token } } },
    machineCsr: await makeSigningRequest(key ?? (await KeyPair.generate()), "machine"),
    servingCsr: new Uint8Array(),
    facts: FACTS,
    versions: undefined,
  });
}

it.each([
  { what: "ES256", token: good() },
  { what: "RS256", token: { ...good(), header: { alg: "RS256", kid: "rsa" }, key: rsa.privateKey } },
  { what: "no key id", token: { ...good(), header: { alg: "ES256" } } },
  {
    what: "several audiences",
    token: { ...good(), claims: { ...good().claims, aud: ["other", good().claims["aud"]] } },
  },
])("takes a token with $what, and knows whose machine it is", async ({ token }) => {
  await using plane = await EmbeddedControlPlane.listen();
  plane.trustIssuer(ISSUER);
  const response = await register(plane, jwt(token));
  expect(response.servingCertificateChain).toBe("");
  expect(plane.machines()[0]?.project.ref).toEqual(APP);
});

const unsigned = (header: object): string =>
  `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${jwt(good()).split(".")[1] ?? ""}.`;

it.each<{ what: string; token: string; why: string }>([
  { what: "for another audience", token: jwt(good("somebody-else")), why: "audience-mismatch" },
  {
    what: "of another issuer",
    token: jwt({ ...good(), claims: { ...good().claims, iss: "https://evil.example" } }),
    why: "issuer-unknown",
  },
  { what: "that has expired", token: jwt({ ...good(), claims: { ...good().claims, exp: 1_000 } }), why: "expired" },
  {
    what: "that never expires",
    token: jwt({ ...good(), claims: { ...good().claims, exp: undefined } }),
    why: "time-missing",
  },
  {
    what: "whose end is not a number",
    token: jwt({ ...good(), claims: { ...good().claims, exp: "tomorrow" } }),
    why: "malformed",
  },
  {
    what: "from the future",
    token: jwt({ ...good(), claims: { ...good().claims, nbf: 4e9, exp: 5e9 } }),
    why: "not-yet-valid",
  },
  {
    what: "of a subject that nobody named",
    token: jwt({ ...good(), claims: { ...good().claims, sub: "constructor" } }),
    why: "not-allowed",
  },
  { what: "with the algorithm none", token: unsigned({ alg: "none" }), why: "algorithm-not-allowed" },
  { what: "with an HMAC", token: unsigned({ alg: "HS256" }), why: "algorithm-not-allowed" },
  { what: "signed by a stranger", token: jwt({ ...good(), key: stranger.privateKey }), why: "signature-invalid" },
  {
    what: "that names another kind of key",
    token: jwt({ ...good(), header: { alg: "RS256", kid: "ec" } }),
    why: "key-unknown",
  },
  {
    what: "with critical parameters",
    token: jwt({ ...good(), header: { alg: "ES256", crit: ["b64"] } }),
    why: "malformed",
  },
  { what: "that is no token", token: "a.bbbb.c", why: "malformed" },
  { what: "that is empty", token: "", why: "malformed" },
  {
    what: "that is enormous",
    token: jwt({ ...good(), claims: { ...good().claims, pad: "x".repeat(20_000) } }),
    why: "oversized",
  },
])("refuses a token $what, says why, and does not repeat it", async ({ token, why }) => {
  await using plane = await EmbeddedControlPlane.listen();
  plane.trustIssuer(ISSUER);
  const error = await refusal(register(plane, token));
  expect(error.code).toBe(status.UNAUTHENTICATED);
  expect(error.details).toBe(`attestation.oidc_token: ${why}`);
});

it("takes a token once, in whatever spelling, unless told that it may come again", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  plane.trustIssuer(ISSUER);
  const [token, key] = [jwt(good()), await KeyPair.generate()];
  await register(plane, token, key);
  for (const [again, why] of [
    [token, "token-used"],
    [`${token}=`, "malformed"],
  ] as const) {
    const error = await refusal(register(plane, again));
    expect(error.code).toBe(status.UNAUTHENTICATED);
    expect(error.details).toContain(why);
  }
  plane.trustIssuer({ ...ISSUER, singleUse: false });
  await register(plane, token, key);
});
