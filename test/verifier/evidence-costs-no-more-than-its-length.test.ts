import { createPublicKey } from "node:crypto";
import { encode } from "cbor2";
import { expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import { certify, type Holder, makeKeys, P384 } from "./authorities/certificates.ts";
import { children, sequence, tlv } from "./openssl/asn1.ts";
import { accept, attestedDocument, azureMiddle, documents, evilKeys, evilSigner, google } from "./platforms.ts";
import { type Binding, Scene } from "./scene.ts";

/** The longest evidence that is looked at has 16 KiB. */
const SIZES = { small: 3_500, large: 14_000 } as const;
/** Of four times the length: four times the time is right, sixteen times would be its square. */
const MOST_GROWTH = 9;
/** Less than this is noise: starting, collecting garbage. */
const FLOOR_MS = 4;
const TRIES = 5;

type Make = (bytes: number, binding: Binding) => Evidence | Promise<Evidence>;

const azure = (pkcs7: Uint8Array): Evidence => ({ kind: "azure", pkcs7, intermediates: [] });
const nitro = (document: Uint8Array): Evidence => ({ kind: "nitro-tpm", document });
const filled = (bytes: number, ...unit: readonly number[]) =>
  Buffer.alloc(bytes - (bytes % unit.length), Buffer.from(unit));
/** Of a genuine signer: only then is it read as JSON. The rest of the document has some 1.6 KiB. */
const json =
  (make: (bytes: number) => string): Make =>
  (bytes) =>
    attestedDocument(make(bytes - 2_000));
const cbor =
  (make: (count: number) => ReadonlyMap<unknown, unknown>, bytesEach: number): Make =>
  (bytes) =>
    nitro(encode([encode(new Map([[1, -35]])), new Map(), encode(make(bytes / bytesEach)), new Uint8Array(96)]));
const counted = (count: number) => Array.from({ length: Math.floor(count) }, (_, index) => index);

const classes: readonly { readonly what: string; readonly make: Make }[] = [
  { what: "JSON that is nested", make: json((bytes) => `{"a":${"[".repeat(bytes / 2)}${"]".repeat(bytes / 2)}}`) },
  {
    what: "JSON with many names",
    make: json(
      (bytes) =>
        `{${counted(bytes / 9)
          .map((at) => `"${at}":1`)
          .join(",")}}`,
    ),
  },
  { what: "JSON that is all escapes", make: json((bytes) => `{"a":"${"\\u0061".repeat(bytes / 6)}"}`) },
  { what: "JSON that is all quotes", make: json((bytes) => `{"a":"${'\\"'.repeat(bytes / 2)}"}`) },
  {
    what: "a token with many claims",
    make: (bytes, b) => {
      const claimed = counted(bytes / 24).map((at) => `"${at}":[]`);
      return {
        kind: "gcp",
        jwt: google.tokenOf(`{"iss":"${google.name}","aud":"${b.audience}",${claimed.join(",")}}`),
      };
    },
  },
  { what: "ASN.1 that is nested", make: (bytes) => azure(nested(bytes / 5)) },
  { what: "ASN.1 that is nested without lengths", make: (bytes) => azure(filled(bytes, 0x30, 0x80)) },
  { what: "ASN.1 in small pieces", make: (bytes) => azure(tlv(0x30, filled(bytes, 0x05, 0x00))) },
  { what: "octets in small pieces", make: (bytes) => azure(tlv(0x24, filled(bytes, 0x04, 0x01, 0x41))) },
  { what: "a name of many numbers", make: (bytes) => azure(tlv(0x30, tlv(0x06, filled(bytes, 0x01)))) },
  { what: "a name of one long number", make: (bytes) => azure(tlv(0x30, tlv(0x06, filled(bytes, 0x81)))) },
  { what: "a long number", make: (bytes) => azure(tlv(0x30, tlv(0x02, filled(bytes, 0x7f)))) },
  { what: "spaces", make: (bytes) => azure(Buffer.from(`A${" ".repeat(bytes - 2)}!`)) },
  { what: "CBOR that is nested", make: (bytes) => nitro(filled(bytes, 0x81)) },
  { what: "CBOR that is tagged", make: (bytes) => nitro(filled(bytes, 0xc1)) },
  { what: "CBOR in small pieces", make: (bytes) => nitro(Buffer.concat([Buffer.of(0x5f), filled(bytes, 0x41, 0x41)])) },
  { what: "CBOR with many keys", make: cbor((count) => new Map(counted(count).map((at) => [`${at}`, 1])), 8) },
  { what: "CBOR with keys that are lists", make: cbor((count) => new Map(counted(count).map((at) => [[at], 1])), 8) },
];

it.each(classes)("$what takes no more time than its length", { timeout: 120_000 }, async ({ make }) => {
  const [small, large] = [await costMs(make, SIZES.small), await costMs(make, SIZES.large)];
  expect(large).toBeLessThan(MOST_GROWTH * Math.max(small, FLOOR_MS));
});

it.each([
  { bits: 2_048, exponentBits: 2_048 },
  { bits: 16_384, exponentBits: 17 },
  { bits: 16_384, exponentBits: 64 },
  { bits: 40_000, exponentBits: 3_000 },
])("is asked to verify with no RSA key of $bits bits and an exponent of $exponentBits", async (wishes) => {
  const spki = rsaSpki(wishes);
  const signer = withKey(evilSigner.der, spki);
  const verdict = await new Scene(accept).register((b) =>
    attestedDocument(documents.azure(b), { signer: evilSigner, bag: [{ ...evilSigner, der: signer }] }),
  );
  expect(verdict).toMatchObject({ code: "key-weak" });
});

it("tries no more than some signatures, however many certificates certify each other", {
  timeout: 120_000,
}, async () => {
  const keys = await Promise.all(counted(5).map(() => makeKeys(P384)));
  const selves = await Promise.all(keys.map((one, at) => certify({ name: `CA ${at}`, keys: one, isCa: true })));
  const web: Holder[] = [];
  for (const [at, one] of keys.entries())
    for (const issuer of selves.filter((_, other) => other !== at))
      web.push(await certify({ name: `CA ${at}`, keys: one, issuer, isCa: true }));
  const leafOf = (issuer: Holder | undefined) =>
    certify({ name: "metadata.azure.com", keys: evilKeys, dns: ["metadata.azure.com"], ...(issuer && { issuer }) });
  const inWeb = await leafOf(selves[0]);
  const alone = await leafOf(undefined);
  const chained =
    (signer: Holder, above: readonly Holder[]): Make =>
    (_bytes, b) =>
      attestedDocument(documents.azure(b), { signer, bag: [signer] }, above);
  const [most, least] = [await costMs(chained(inWeb, web), 0), await costMs(chained(alone, [azureMiddle]), 0)];
  expect(web.length).toBe(20);
  // Hundreds of paths lead through them, and each step of one is a signature.
  expect(most).toBeLessThan(MOST_GROWTH * Math.max(least, FLOOR_MS));
});

/** Of the processor's time, the least of several. */
async function costMs(make: Make, bytes: number): Promise<number> {
  const took: number[] = [];
  for (let at = 0; at < TRIES; at += 1) {
    const scene = new Scene(accept);
    const machine = await scene.challenge();
    const evidence = await make(bytes, machine);
    const before = process.cpuUsage();
    expect((await scene.verify(evidence, machine)).verdict).toBe("refused");
    const { user, system } = process.cpuUsage(before);
    took.push((user + system) / 1_000);
  }
  return Math.min(...took);
}

function nested(depth: number): Uint8Array {
  return counted(depth).reduce<Uint8Array>((inner) => tlv(0x30, inner), new Uint8Array());
}

/** Of a key that nobody has: the numbers are only as long as they say. */
function rsaSpki({ bits, exponentBits }: { readonly bits: number; readonly exponentBits: number }): Buffer {
  const number = (length: number) => {
    const bytes = Buffer.alloc(Math.ceil(length / 8), 0xff);
    bytes[0] = 0xff >> ((8 - (length % 8)) % 8);
    return bytes.toString("base64url");
  };
  const key = createPublicKey({ key: { kty: "RSA", n: number(bits), e: number(exponentBits) }, format: "jwk" });
  return key.export({ type: "spki", format: "der" });
}

/** The same certificate for another key; its signature does not fit any more. */
function withKey(certificate: Uint8Array, spki: Uint8Array): Buffer {
  const [tbs, ...signature] = children(certificate);
  const parts = children(tbs).map((part, at) => (at === 6 ? spki : part));
  return sequence(sequence(...parts), ...signature);
}
