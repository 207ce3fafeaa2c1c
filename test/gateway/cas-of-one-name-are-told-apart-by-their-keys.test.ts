import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { describe, expect, it } from "vitest";
import { CLIENT_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { Rig, uriOf } from "./rig.ts";
import { answers, visit } from "./visit.ts";

const HOUR_MS = 60 * 60_000;
const NAME = "our build CA";
const { keyCertSign, digitalSignature, keyEncipherment } = x509.KeyUsageFlags;

interface Form {
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly extensions?: readonly x509.Extension[];
  readonly usage?: number;
}

/** A CA as some tools write it: no key ids, so that only its key tells it from its namesake. */
class PlainCa {
  readonly certPem: string;
  readonly key: KeyPair;
  readonly #rsa: webcrypto.CryptoKeyPair | undefined;

  private constructor(certPem: string, key: KeyPair, rsa?: webcrypto.CryptoKeyPair) {
    this.certPem = certPem;
    this.key = key;
    this.#rsa = rsa;
  }

  static async create({ fromMs = -HOUR_MS, toMs = 24 * HOUR_MS, extensions = [] }: Form = {}): Promise<PlainCa> {
    const key = await KeyPair.generate();
    const certificate = await x509.X509CertificateGenerator.create({
      ...named(fromMs, toMs),
      publicKey: key.publicKey,
      signingKey: key.privateKey,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(keyCertSign, true),
        ...extensions,
      ],
    });
    return new PlainCa(`${certificate.toString("pem")}\n`, key);
  }

  static async withRsa(): Promise<PlainCa> {
    const params = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-1" };
    const rsa = await webcrypto.subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", ...params }, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.create({
      ...named(-HOUR_MS, 24 * HOUR_MS),
      publicKey: rsa.publicKey,
      signingKey: rsa.privateKey,
      signingAlgorithm: { name: "RSASSA-PKCS1-v1_5" },
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    return new PlainCa(`${certificate.toString("pem")}\n`, await KeyPair.generate(), rsa);
  }

  async issue({ fromMs = -60_000, toMs = HOUR_MS, extensions = [], usage = digitalSignature }: Form = {}) {
    const key = await KeyPair.generate();
    const certificate = await x509.X509CertificateGenerator.create({
      ...named(fromMs, toMs, "client"),
      publicKey: key.publicKey,
      signingKey: this.#rsa?.privateKey ?? this.key.privateKey,
      signingAlgorithm: this.#rsa ? { name: "RSASSA-PKCS1-v1_5" } : { name: "ECDSA", hash: "SHA-256" },
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(usage, true),
        new x509.ExtendedKeyUsageExtension([CLIENT_AUTH]),
        new x509.SubjectAlternativeNameExtension([{ type: "url", value: uriOf("b1") }]),
        ...extensions,
      ],
    });
    return { chainPem: `${certificate.toString("pem")}\n`, keyPem: key.privateKeyPem };
  }
}

function named(fromMs: number, toMs: number, subject = NAME) {
  const [notBefore, notAfter] = [new Date(Date.now() + fromMs), new Date(Date.now() + toMs)];
  return { subject: `CN=${subject}`, issuer: `CN=${NAME}`, notBefore, notAfter };
}

async function rigFor(...cas: readonly PlainCa[]): Promise<Rig> {
  const rig = await Rig.start();
  await rig.open("b1");
  await rig.allow({ buildCas: cas.map(({ certPem }) => certPem) });
  return rig;
}

it.each([
  { what: "the first ends later", lastsMs: [48 * HOUR_MS, 24 * HOUR_MS] },
  { what: "the second ends later", lastsMs: [24 * HOUR_MS, 48 * HOUR_MS] },
  { what: "there are three", lastsMs: [24 * HOUR_MS, 24 * HOUR_MS, 24 * HOUR_MS] },
])("what each of them issued is let in, where $what", async ({ lastsMs }) => {
  const cas = await Promise.all(lastsMs.map((toMs) => PlainCa.create({ toMs })));
  await using rig = await rigFor(...cas);
  for (const ca of cas) expect(await visit(rig, rig.connect(await ca.issue()))).toMatchObject({ served: true });
});

it("a session ends with the CA that issued its certificate, and not with its namesake", async () => {
  const [first, second] = [await PlainCa.create(), await PlainCa.create()];
  await using rig = await rigFor(first, second);
  const [of1, of2] = [rig.connect(await first.issue()), rig.connect(await second.issue())];
  expect(await Promise.all([answers(of1), answers(of2)])).toEqual([true, true]);
  const cut = new Promise((resolve) => of2.once("close", () => resolve("cut")));
  await rig.allow({ buildCas: [first.certPem] });
  expect(await cut).toBe("cut");
  expect(of1.destroyed).toBe(false);
  expect(await visit(rig, rig.connect(await second.issue()))).toMatchObject({ reason: "chain-not-trusted" });
});

describe("is refused with a bundle of namesakes", () => {
  const unknown = (critical: boolean) => new x509.Extension("1.3.6.1.4.1.99999.1", critical, new Uint8Array([5, 0]));
  const beyond = new x509.Extension(
    "2.5.29.30",
    false,
    // permittedSubtrees: URI .elsewhere.test
    Buffer.from("3016a01430128610" + Buffer.from(".elsewhere.test ").toString("hex"), "hex"),
  );

  it.each<{ what: string; of: Form; as: Form; reason: string }>([
    {
      what: "a critical extension that nobody knows",
      of: {},
      as: { extensions: [unknown(true)] },
      reason: "chain-not-trusted",
    },
    { what: "a key that may not sign", of: {}, as: { usage: keyEncipherment }, reason: "chain-not-trusted" },
    { what: "a CA that has ended", of: { toMs: -60_000 }, as: {}, reason: "chain-not-trusted" },
    { what: "a CA that has not begun", of: { fromMs: HOUR_MS }, as: {}, reason: "chain-not-trusted" },
    { what: "a CA for some names only", of: { extensions: [beyond] }, as: {}, reason: "chain-not-trusted" },
    {
      what: "a CA with a critical extension",
      of: { extensions: [unknown(true)] },
      as: {},
      reason: "chain-not-trusted",
    },
    { what: "a leaf that has ended", of: {}, as: { toMs: -30_000 }, reason: "certificate-expired" },
  ])("$what", async ({ of, as, reason }) => {
    const [first, second] = [await PlainCa.create({ toMs: 900 * HOUR_MS }), await PlainCa.create(of)];
    await using rig = await rigFor(first, second);
    expect(await visit(rig, rig.connect(await second.issue(as)))).toMatchObject({ served: false, reason });
  });

  it("a signature with SHA-1, whichever of them made it", async () => {
    const cas = [await PlainCa.withRsa(), await PlainCa.withRsa()];
    await using rig = await rigFor(...cas);
    for (const ca of cas) {
      const client = rig.connect(await ca.issue(), { ciphers: "DEFAULT@SECLEVEL=0" });
      expect(await visit(rig, client)).toMatchObject({ reason: "chain-not-trusted" });
    }
  });

  it("what a third of that name issued, that is not in it", async () => {
    const [first, second, stranger] = [await PlainCa.create(), await PlainCa.create(), await PlainCa.create()];
    await using rig = await rigFor(first, second);
    expect(await visit(rig, rig.connect(await stranger.issue()))).toMatchObject({ reason: "chain-not-trusted" });
  });

  it("and what is not critical hinders nobody", async () => {
    const [first, second] = [await PlainCa.create({ toMs: 900 * HOUR_MS }), await PlainCa.create()];
    await using rig = await rigFor(first, second);
    const client = await second.issue({ extensions: [unknown(false)] });
    expect(await visit(rig, rig.connect(client))).toMatchObject({ served: true });
    expect(new X509Certificate(client.chainPem).checkIssued(new X509Certificate(first.certPem))).toBe(true);
  });
});
