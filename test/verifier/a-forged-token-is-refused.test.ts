import { createHmac } from "node:crypto";
import { expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import { NOW_S } from "./authorities/clock.ts";
import { encoded, Issuer, type Json } from "./authorities/issuer.ts";
import { accept, awsIssuer, claims, cluster, fly, google, stranger } from "./platforms.ts";
import { AUDIENCE, type Binding, boundAudience, outcome, Scene } from "./scene.ts";

const aws = (jwt: string): Evidence => ({ kind: "aws-web-identity", jwt });
const gcp = (jwt: string): Evidence => ({ kind: "gcp", jwt });
const oidc = (jwt: string): Evidence => ({ kind: "oidc", jwt });

/** Signed with the public key as if that were a secret. */
function hs256(issuer: Issuer, body: Json): string {
  const signed = `${encoded(JSON.stringify({ alg: "HS256", kid: issuer.kid }))}.${encoded(JSON.stringify(body))}`;
  const key = issuer.keys.publicKey.export({ type: "spki", format: "pem" });
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

const otherAwsIssuer = new Issuer(
  "https://22222222-bbbb-4bbb-8bbb-222222222222.tokens.sts.global.api.aws",
  awsIssuer.kid,
  "ES384",
);

it.each<{ what: string; forge: (binding: Binding) => Evidence; code: string }>([
  {
    what: "without a signature",
    forge: (b) => gcp(`${encoded(JSON.stringify({ alg: "none" }))}.${encoded(JSON.stringify(claims.gcp(b)))}.`),
    code: "algorithm-not-allowed",
  },
  {
    what: "HMACed with the public key",
    forge: (b) => gcp(hs256(google, claims.gcp(b))),
    code: "algorithm-not-allowed",
  },
  {
    what: "in an algorithm that this platform never uses",
    forge: (b) => gcp(awsIssuer.token({ ...claims.gcp(b) })),
    code: "algorithm-not-allowed",
  },
  {
    what: "signed by a stranger who names the issuer and its key",
    forge: (b) => gcp(stranger.token(claims.gcp(b), { kid: google.kid })),
    code: "signature-invalid",
  },
  {
    what: "signed by another issuer that is configured, too",
    forge: (b) => oidc(google.token(claims.fly(b), { kid: fly.kid })),
    code: "signature-invalid",
  },
  {
    what: "that names the key of another issuer",
    forge: (b) => oidc(google.token(claims.fly(b))),
    code: "key-unknown",
  },
  {
    what: "whose key id is a path",
    forge: (b) => gcp(google.token(claims.gcp(b), { kid: "../../../dev/null" })),
    code: "key-unknown",
  },
  {
    what: "that says where its key is",
    forge: (b) => gcp(stranger.token(claims.gcp(b), { jku: "http://127.0.0.1:9/keys" })),
    code: "key-in-token",
  },
  {
    what: "that brings its key",
    forge: (b) => gcp(stranger.token(claims.gcp(b), { jwk: stranger.jwk })),
    code: "key-in-token",
  },
  {
    what: "that brings a certificate",
    forge: (b) => gcp(stranger.token(claims.gcp(b), { x5c: ["MIIB"] })),
    code: "key-in-token",
  },
  {
    what: "that says where its certificate is",
    forge: (b) => gcp(stranger.token(claims.gcp(b), { x5u: "https://evil.example/c.pem" })),
    code: "key-in-token",
  },
  {
    what: "with an extension that has to be understood",
    forge: (b) => gcp(google.token(claims.gcp(b), { crit: ["b64"], b64: false })),
    code: "malformed",
  },
  {
    what: "of a foreign issuer",
    forge: (b) => oidc(stranger.token({ ...claims.fly(b), iss: stranger.name })),
    code: "issuer-unknown",
  },
  {
    what: "of an issuer with a slash more",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), iss: `${google.name}/` })),
    code: "issuer-unknown",
  },
  {
    what: "of the issuer of another AWS account",
    forge: (b) => aws(otherAwsIssuer.token({ ...claims.aws(b), iss: otherAwsIssuer.name })),
    code: "issuer-unknown",
  },
  {
    what: "of the issuer of another AWS account that names ours",
    forge: (b) => aws(otherAwsIssuer.token(claims.aws(b))),
    code: "signature-invalid",
  },
  {
    what: "of no issuer",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), iss: undefined })),
    code: "issuer-unknown",
  },
  {
    what: "of a list of issuers",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), iss: [google.name] })),
    code: "issuer-unknown",
  },
  {
    what: "for another control plane",
    forge: (b) => gcp(google.token(claims.gcp({ ...b, audience: "https://other.example/attest/acme" }))),
    code: "audience-mismatch",
  },
  {
    what: "for this control plane, bound to nothing",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), aud: AUDIENCE })),
    code: "audience-mismatch",
  },
  {
    what: "for somebody else, too",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), aud: [boundAudience(b), "https://other.example"] })),
    code: "audience-extra",
  },
  {
    what: "for the same audience twice",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), aud: [boundAudience(b), boundAudience(b)] })),
    code: "audience-extra",
  },
  {
    what: "for nobody",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), aud: undefined })),
    code: "audience-mismatch",
  },
  { what: "for a number", forge: (b) => gcp(google.token({ ...claims.gcp(b), aud: [7] })), code: "malformed" },
  {
    what: "of a pod, for somebody else, too",
    forge: (b) => oidc(cluster.token({ ...claims.kubernetes(b), aud: [AUDIENCE, "https://kubernetes.default.svc"] })),
    code: "audience-extra",
  },
  {
    what: "of a pod, for the cluster",
    forge: (b) => oidc(cluster.token({ ...claims.kubernetes(b), aud: ["https://kubernetes.default.svc"] })),
    code: "audience-mismatch",
  },
  {
    what: "that never expires",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), exp: undefined })),
    code: "time-missing",
  },
  {
    what: "that was never issued",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), iat: undefined })),
    code: "time-missing",
  },
  {
    what: "that expires some day",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), exp: "tomorrow" })),
    code: "malformed",
  },
  {
    what: "that expired 60 seconds ago",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), iat: NOW_S - 600, exp: NOW_S - 60 })),
    code: "expired",
  },
  {
    what: "that was issued in 61 seconds",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), iat: NOW_S + 61, exp: NOW_S + 600 })),
    code: "not-yet-valid",
  },
  {
    what: "that is not valid before 61 seconds have passed",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), nbf: NOW_S + 61 })),
    code: "not-yet-valid",
  },
  {
    what: "that lives longer than the platform lets it",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), exp: NOW_S + 3_601 })),
    code: "lifetime-too-long",
  },
  {
    what: "of AWS that lives longer than ten minutes",
    forge: (b) => aws(awsIssuer.token({ ...claims.aws(b), exp: NOW_S + 601 })),
    code: "lifetime-too-long",
  },
  {
    what: "with a claim twice",
    forge: (b) => gcp(google.tokenOf(JSON.stringify(claims.gcp(b)).replace("{", '{"sub":"998877",'))),
    code: "duplicate-key",
  },
  {
    what: "with a claim twice, the second time in another spelling",
    forge: (b) => gcp(google.tokenOf(JSON.stringify(claims.gcp(b)).replace("{", '{"s\\u0075b":"998877",'))),
    code: "duplicate-key",
  },
  {
    what: "with a claim twice, deep inside",
    forge: (b) =>
      gcp(google.tokenOf(JSON.stringify(claims.gcp(b)).replace('"zone"', '"project_id":"evil-builders","zone"'))),
    code: "duplicate-key",
  },
  { what: "whose claims are a list", forge: () => gcp(google.tokenOf("[]")), code: "malformed" },
  {
    what: "whose claims are not UTF-8",
    forge: (b) => {
      const [head, , signature] = google.token(claims.gcp(b)).split(".");
      return gcp(`${head}.${Buffer.from([0x7b, 0xff, 0x7d]).toString("base64url")}.${signature}`);
    },
    code: "malformed",
  },
  { what: "that is cut short", forge: (b) => gcp(google.token(claims.gcp(b)).slice(0, -6)), code: "signature-invalid" },
  {
    what: "that lacks its signature",
    forge: (b) => gcp(google.token(claims.gcp(b)).replace(/\.[^.]*$/, "")),
    code: "malformed",
  },
  { what: "with padding", forge: (b) => gcp(`${google.token(claims.gcp(b))}==`), code: "malformed" },
  { what: "with a part more", forge: (b) => gcp(`${google.token(claims.gcp(b))}.e30`), code: "malformed" },
  {
    what: "that is longer than 8 KiB",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), pad: "x".repeat(8_000) })),
    code: "oversized",
  },
])("refuses a token $what: $code", async ({ forge, code }) => {
  const scene = new Scene(accept);
  expect(outcome(await scene.register(forge))).toBe(code);
  expect(scene.sts.asked).toEqual([]);
});

it("takes a token once, even with a second challenge and in another spelling of its signature", async () => {
  const scene = new Scene({ oidc: { issuers: [{ ...(accept.oidc?.issuers[1] ?? never()), isSingleUse: true }] } });
  const token = cluster.token(claims.kubernetes(await scene.challenge()));
  expect(outcome(await scene.register(() => oidc(token)))).toBe("verified");
  expect(outcome(await scene.register(() => oidc(token)))).toBe("token-used");
});

function never(): never {
  throw new Error("there is no such issuer");
}
