import { createPublicKey, verify } from "node:crypto";
import { decode } from "cbor2";
import { expect, it } from "vitest";
import { sequenceFromBase64 } from "../../agent/adapters/evidence/metadata/signed-bytes.ts";
import { type NitroTpmPolicy, verifyNitroTpm } from "../../verifier/src/machine/nitro-tpm.ts";
import { SignedContent } from "../../verifier/src/x509/signed-data.ts";
import { ACCOUNT, accept, REGION } from "./platforms.ts";
import { bytesOf, recorded } from "./recorded/recorded.ts";
import { outcome, Scene } from "./scene.ts";

type CborMap = ReadonlyMap<unknown, unknown>;

const RECORDED = { account: "278576220453", region: "us-west-2", instance: "aws/278576220453/i-078517ca8a70a1dde" };
const PENDING_MS = Date.UTC(2021, 8, 3, 21, 25, 44);

it.each([
  { whose: "EC2's", text: recorded.awsSignature },
  { whose: "Azure's", text: recorded.azureSample.replaceAll("\n", "") },
])("the agent takes $whose signature as it is sent, and none that is cut off", ({ text }) => {
  expect(sequenceFromBase64(text)).toEqual(Buffer.from(text, "base64"));
  for (let bytes = 3; bytes < bytesOf(text).length; bytes += 3)
    expect(sequenceFromBase64(Buffer.from(bytesOf(text).slice(0, bytes)).toString("base64"))).toBe(undefined);
});

it("takes the identity document that EC2 has signed, for as long as an instance may register", async () => {
  const signature = bytesOf(recorded.awsSignature);
  const document = SignedContent.read(signature).content;
  const policy = {
    accounts: [RECORDED.account],
    certificates: { [RECORDED.region]: [recorded.awsCertificate] },
    isRunning: () => Promise.resolve(true),
    knownKey: () => Promise.resolve(undefined),
  };
  const scene = new Scene({ "aws-instance-identity": policy });
  const evidence = { kind: "aws-instance-identity", document, signature } as const;
  scene.nowMs = PENDING_MS + 60_000;
  expect(await scene.register(() => evidence)).toMatchObject({ verdict: "verified", instance: RECORDED.instance });
  scene.nowMs = PENDING_MS + 16 * 60_000;
  expect(outcome(await scene.register(() => evidence))).toBe("expired");
  scene.nowMs = PENDING_MS + 60_000;
  const ours = new Scene({ "aws-instance-identity": { ...policy, accounts: [ACCOUNT] } });
  ours.nowMs = scene.nowMs;
  expect(outcome(await ours.register(() => evidence))).toBe("not-allowed");
  const elsewhere = { [RECORDED.region]: accept["aws-instance-identity"]?.certificates[REGION] ?? [] };
  const pinned = new Scene({ "aws-instance-identity": { ...policy, certificates: elsewhere } });
  expect(outcome(await pinned.register(() => evidence))).toBe("signature-invalid");
});

it("takes the document that a NitroTPM has signed, by AWS's own root, for its challenge and its time", async () => {
  const payload = payloadOf(recorded.nitroTpm);
  const spki = payload.get("public_key") as Uint8Array;
  const madeMs = Number(payload.get("timestamp"));
  const policy = { roots: [recorded.nitroRoot], images: [{ name: "theirs", pcrs: pcrsOf(payload, [4, 7, 12]) }] };
  const prove = (nowMs: number, changes: Partial<NitroTpmPolicy> = {}, key = spki) =>
    verifyNitroTpm(
      { kind: "nitro-tpm", document: recorded.nitroTpm },
      { ...policy, ...changes },
      {
        challenge: { nonce: payload.get("nonce") as Uint8Array, audience: "", spki: key, keyDigest: Buffer.alloc(32) },
        nowMs,
        spent: { spend: () => Promise.resolve(true) },
        fetch: () => Promise.reject(new Error("nothing is asked")),
      },
    );
  expect(await prove(madeMs + 1_000)).toMatchObject({ image: "theirs", moduleId: payload.get("module_id") });
  await expect(prove(madeMs + 6 * 60_000)).rejects.toMatchObject({ code: "expired" });
  // Its certificate was good for three hours.
  await expect(prove(madeMs + 4 * 3_600_000)).rejects.toMatchObject({ code: "signer-untrusted" });
  await expect(prove(madeMs, { roots: accept["nitro-tpm"]?.roots ?? [] })).rejects.toMatchObject({
    code: "signer-untrusted",
  });
  await expect(prove(madeMs, { images: [{ name: "ours", pcrs: { 4: "a4".repeat(48) } }] })).rejects.toMatchObject({
    code: "image-not-expected",
  });
  await expect(prove(madeMs, {}, new Uint8Array(91))).rejects.toMatchObject({ code: "key-mismatch" });
});

it("a NitroTPM signs for a key that is no RSA key: AWS names RSA for what KMS encrypts", () => {
  const point = payloadOf(recorded.nitroTpm).get("public_key") as Uint8Array;
  // SEC 1, 2.3.3: a point of P-256, not compressed. It is not even DER.
  expect([point.length, point[0]]).toEqual([65, 4]);
  const [x, y] = [point.slice(1, 33), point.slice(33)].map((half) => Buffer.from(half).toString("base64url"));
  const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" }, format: "jwk" });
  expect(key.asymmetricKeyType).toBe("ec");
});

it("the signature of Microsoft's sample is good, and its certificate is not", async () => {
  const pkcs7 = bytesOf(recorded.azureSample);
  const signed = SignedContent.read(pkcs7);
  const [signer] = signed.bag();
  if (signer === undefined) throw new Error("the sample has no certificate");
  // The certificate has 1024 bits: what is refused is the key, after the signature has fitted.
  await expect(signed.verifyWith([signer], "its own")).rejects.toMatchObject({ code: "key-weak" });
  expect(verify("sha256", signed.content, signer.publicKey, pkcs7.slice(-128))).toBe(true);
  expect(JSON.parse(Buffer.from(signed.content).toString())).toMatchObject({ nonce: "1234566766", vmId: "" });
  const scene = new Scene(accept);
  scene.nowMs = Date.UTC(2018, 10, 20, 22, 8, 0);
  const verdict = await scene.register(() => ({ kind: "azure", pkcs7, intermediates: [] }));
  expect(outcome(verdict)).toBe("key-weak");
});

const SLOW = { timeout: 180_000 };

it("no bit of the content or the signature of Microsoft's sample can be turned", SLOW, async () => {
  const whole = bytesOf(recorded.azureSample);
  const fits = async (pkcs7: Uint8Array) => {
    const signed = SignedContent.read(pkcs7);
    return signed.verifyWith(signed.bag(), "its own").catch((refused: unknown) => refused);
  };
  // Only behind a signature that fits is the key looked at.
  expect(await fits(whole)).toMatchObject({ code: "key-weak" });
  for (const at of signedPlaces(whole))
    for (let bit = 0; bit < 8; bit += 1)
      expect(await fits(turned(whole, at, bit))).toMatchObject({ code: "signature-invalid" });
});

it("no other bit of Microsoft's sample can be turned so that it is taken, or so that it throws", SLOW, async () => {
  const whole = bytesOf(recorded.azureSample);
  const scene = new Scene(accept);
  scene.nowMs = Date.UTC(2018, 10, 20, 22, 8, 0);
  const signed = new Set(signedPlaces(whole));
  const others = [...whole.keys()].filter((at) => !signed.has(at));
  expect(others.length).toBeGreaterThan(700);
  for (const at of others) {
    const pkcs7 = turned(whole, at, at % 8);
    expect((await scene.register(() => ({ kind: "azure", pkcs7, intermediates: [] }))).verdict).toBe("refused");
  }
});

/** Of the content, and of the signature at the document's end. */
function signedPlaces(whole: Uint8Array): readonly number[] {
  const { content } = SignedContent.read(whole);
  const begin = Buffer.from(whole).indexOf(Buffer.from(content));
  return [...whole.keys()].filter((at) => (at >= begin && at < begin + content.length) || at >= whole.length - 128);
}

function turned(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

function payloadOf(document: Uint8Array): CborMap {
  const parts = decode<unknown[]>(document, { preferMap: true });
  return decode<CborMap>(parts[2] as Uint8Array, { preferMap: true });
}

function pcrsOf(payload: CborMap, numbers: readonly number[]): Record<string, string> {
  const pcrs = payload.get("nitrotpm_pcrs") as ReadonlyMap<number, Uint8Array>;
  return Object.fromEntries(numbers.map((number) => [number, Buffer.from(pcrs.get(number) ?? []).toString("hex")]));
}
