import { afterAll, expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import { makeKey } from "./openssl/authority.ts";
import { type Forgery, sharedReasons } from "./openssl/forgery.ts";
import { OpenSsl } from "./openssl/openssl.ts";
import { accept, claims, google, OTHER_INSTANCE_ID } from "./platforms.ts";
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

it("tells each forgery from the others in the audit log", () => {
  expect(sharedReasons(requests)).toEqual([]);
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
