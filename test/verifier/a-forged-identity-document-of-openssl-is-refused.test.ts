import { afterAll, expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import { NOW_MS } from "./authorities/clock.ts";
import type { Json } from "./authorities/issuer.ts";
import { oid, sequence, set } from "./openssl/asn1.ts";
import { type Forgery, sharedReasons } from "./openssl/forgery.ts";
import { asEc2, assembled, cms, contentTypeAttribute, digestAttribute, isGoodToOpenSsl } from "./openssl/message.ts";
import { Stage } from "./openssl/stage.ts";
import { documents, OTHER_ACCOUNT, OTHER_INSTANCE_ID } from "./platforms.ts";
import { outcome, Scene } from "./scene.ts";

const stage = await Stage.open();
afterAll(() => stage[Symbol.asyncDispose]());
const { openssl, regional, otherRegional, evilRegional } = stage;

const HONEST = documents.aws();
const CONTENT = Buffer.from(JSON.stringify(HONEST));
const OTHER = Buffer.from(JSON.stringify({ ...HONEST, instanceId: OTHER_INSTANCE_ID }));
const ATTRIBUTES = [contentTypeAttribute(), digestAttribute(CONTENT)];

interface Sent {
  readonly signature: Uint8Array;
  /** What is sent beside it. */
  readonly document: Uint8Array;
}

const whole = (forged: Uint8Array | Sent): Sent =>
  forged instanceof Uint8Array ? { signature: forged, document: CONTENT } : forged;
const evidenceOf = (sent: Sent): Evidence => ({ kind: "aws-instance-identity", ...sent });
const changed = (changes: Json) => JSON.stringify({ ...HONEST, ...changes });

const signed =
  (content: string, by = regional): (() => Promise<Sent>) =>
  async () => ({
    signature: await asEc2(openssl, content, by),
    document: Buffer.from(content),
  });

it("takes what the same maker signs honestly, as EC2 does and otherwise", async () => {
  const ways = [
    asEc2(openssl, CONTENT.toString(), regional),
    cms(openssl, CONTENT, regional),
    cms(openssl, CONTENT, regional, { md: "sha384", more: ["-keyid"] }),
    assembled(openssl, { content: CONTENT, signer: regional, attributes: ATTRIBUTES }),
    assembled(openssl, { content: CONTENT, signer: regional, bag: [regional] }),
  ];
  for (const way of ways) {
    const signature = await way;
    expect(await isGoodToOpenSsl(openssl, signature, regional)).toBe(true);
    expect(outcome(await new Scene(stage.accept).register(() => evidenceOf(whole(signature))))).toBe("verified");
  }
});

const forgeries: readonly Forgery<() => Promise<Uint8Array | Sent>>[] = [
  {
    what: "signed by a forger who sends the genuine certificate first",
    forge: () => assembled(openssl, { content: CONTENT, signer: evilRegional, bag: [regional, evilRegional] }),
    code: "signature-invalid",
    reason: 'The document\'s signer, serial number 666001, is not a certificate that is configured for "eu-central-1".',
    goodTo: evilRegional,
  },
  {
    what: "signed by a forger who sends the genuine certificate last",
    forge: () => assembled(openssl, { content: CONTENT, signer: evilRegional, bag: [evilRegional, regional] }),
    code: "signature-invalid",
    reason: 'The document\'s signer, serial number 666001, is not a certificate that is configured for "eu-central-1".',
    goodTo: evilRegional,
  },
  {
    what: "signed by a forger in the name of the genuine certificate",
    forge: () => assembled(openssl, { content: CONTENT, signer: evilRegional, namedAs: regional, bag: [regional] }),
    code: "signature-invalid",
    reason: 'The document names a certificate that is configured for "eu-central-1", and its signature is another\'s.',
  },
  {
    what: "signed by a forger whose key id is the genuine one's",
    forge: async () => {
      const extensions = ["subjectKeyIdentifier=0102030405060708090a0b0c0d0e0f1011121314"];
      const subject = "/O=Amazon Web Services LLC";
      const twin = await stage.leaf(extensions, { subject, issuer: evilRegional });
      return cms(openssl, CONTENT, twin, { more: ["-keyid"] });
    },
    code: "signature-invalid",
    reason: 'The document\'s signer, key id 010203040506, is not a certificate that is configured for "eu-central-1".',
    goodTo: regional,
  },
  {
    what: "signed for another region",
    forge: () => asEc2(openssl, CONTENT.toString(), otherRegional),
    code: "signature-invalid",
    reason: 'The document\'s signer, serial number 2001, is not a certificate that is configured for "eu-central-1".',
    goodTo: otherRegional,
  },
  {
    what: "signed by a forger with a key of 1024 bits",
    forge: async () =>
      asEc2(openssl, CONTENT.toString(), await stage.leaf([], { key: stage.keys.short, serial: "666002" })),
    code: "signature-invalid",
    reason: 'The document\'s signer, serial number 666002, is not a certificate that is configured for "eu-central-1".',
  },
  {
    what: "signed on a curve, where RSA is pinned",
    forge: async () => asEc2(openssl, CONTENT.toString(), await stage.leaf([], { key: stage.keys.ec })),
    code: "algorithm-not-allowed",
    reason: "The document's signature is 1.2.840.10045.4.3.2.",
  },
  {
    what: "signed with RSA-PSS",
    forge: () => cms(openssl, CONTENT, regional, { more: ["-keyopt", "rsa_padding_mode:pss"] }),
    code: "algorithm-not-allowed",
    reason: "The document's signature is 1.2.840.113549.1.1.10.",
    goodTo: regional,
  },
  {
    what: "with a genuine signature and a forged one",
    forge: () =>
      cms(openssl, CONTENT, regional, { more: ["-signer", evilRegional.certificate, "-inkey", evilRegional.key] }),
    code: "signers-not-one",
    reason: "The document has 2 signers.",
    goodTo: regional,
  },
  {
    what: "with the same signature three times",
    forge: () => assembled(openssl, { content: CONTENT, signer: regional, attributes: ATTRIBUTES, signers: 3 }),
    code: "signers-not-one",
    reason: "The document has 3 signers.",
    goodTo: regional,
  },
  {
    what: "signed by nobody",
    forge: () => assembled(openssl, { content: CONTENT, signer: regional, signers: 0 }),
    code: "signers-not-one",
    reason: "The document has 0 signers.",
  },
  {
    what: "with its content swapped",
    forge: async () => ({
      signature: await assembled(openssl, { content: OTHER, signed: CONTENT, signer: regional }),
      document: OTHER,
    }),
    code: "signature-invalid",
    reason: 'The document names a certificate that is configured for "eu-central-1", and its signature is another\'s.',
  },
  {
    what: "with its content swapped below attributes that are signed",
    forge: async () => ({
      signature: await assembled(openssl, { content: OTHER, attributes: ATTRIBUTES, signer: regional }),
      document: OTHER,
    }),
    code: "signature-invalid",
    reason: "The digest in the signed attributes is another content's.",
  },
  {
    what: "with its content swapped, and the digest in attributes that are not signed anew",
    forge: async () => ({
      signature: await assembled(openssl, {
        content: OTHER,
        attributes: [contentTypeAttribute(), digestAttribute(OTHER)],
        signed: set(...ATTRIBUTES),
        signer: regional,
      }),
      document: OTHER,
    }),
    code: "signature-invalid",
    reason: 'The document names a certificate that is configured for "eu-central-1", and its signature is another\'s.',
  },
  {
    what: "beside another document",
    forge: async () => ({ signature: await asEc2(openssl, CONTENT.toString(), regional), document: OTHER }),
    code: "content-mismatch",
    reason: "The document is not the one that is signed.",
    goodTo: regional,
  },
  {
    what: "that is not in its signature",
    forge: () => cms(openssl, CONTENT, regional, { isDetached: true }),
    code: "content-absent",
    reason: "The document's content is not in it.",
  },
  {
    what: "signed with SHA-1",
    forge: () => asEc2(openssl, CONTENT.toString(), regional, "sha1"),
    code: "algorithm-not-allowed",
    reason: "The document's digest is 1.3.14.3.2.26.",
    goodTo: regional,
  },
  {
    what: "signed with MD5",
    forge: () => asEc2(openssl, CONTENT.toString(), regional, "md5"),
    code: "algorithm-not-allowed",
    reason: "The document's digest is 1.2.840.113549.2.5.",
    goodTo: regional,
  },
  {
    what: "whose attributes have no digest",
    forge: () => assembled(openssl, { content: CONTENT, attributes: [contentTypeAttribute()], signer: regional }),
    code: "content-mismatch",
    reason: "The signed attributes have not one digest: 0 attributes.",
  },
  {
    what: "whose attributes have two digests",
    forge: () =>
      assembled(openssl, {
        content: CONTENT,
        attributes: [contentTypeAttribute(), digestAttribute(OTHER), digestAttribute(CONTENT)],
        signer: regional,
      }),
    code: "content-mismatch",
    reason: "The signed attributes have not one digest: 2 attributes.",
  },
  {
    what: "whose digest has two values",
    forge: () =>
      assembled(openssl, {
        content: CONTENT,
        attributes: [contentTypeAttribute(), digestAttribute(CONTENT, OTHER)],
        signer: regional,
      }),
    code: "content-mismatch",
    reason: "The signed attributes have not one digest: one with 2 values.",
  },
  {
    what: "whose digest is a name",
    forge: () =>
      assembled(openssl, {
        content: CONTENT,
        attributes: [contentTypeAttribute(), sequence(oid("messageDigest"), set(oid("sha256")))],
        signer: regional,
      }),
    code: "content-mismatch",
    reason: "The digest in the signed attributes is of another type.",
  },
  {
    what: "whose attributes have no type of content",
    forge: () => assembled(openssl, { content: CONTENT, attributes: [digestAttribute(CONTENT)], signer: regional }),
    code: "content-mismatch",
    reason: "The signed attributes have not one type of content: 0 attributes.",
  },
  {
    what: "whose attributes have two types of content",
    forge: () =>
      assembled(openssl, {
        content: CONTENT,
        attributes: [contentTypeAttribute(), contentTypeAttribute("timeStampInfo"), digestAttribute(CONTENT)],
        signer: regional,
      }),
    code: "content-mismatch",
    reason: "The signed attributes have not one type of content: 2 attributes.",
  },
  {
    what: "whose signature is for another type of content",
    forge: () =>
      assembled(openssl, {
        content: CONTENT,
        attributes: [contentTypeAttribute("timeStampInfo"), digestAttribute(CONTENT)],
        signer: regional,
      }),
    code: "content-mismatch",
    reason: "The document's signature is for another type of content.",
    goodTo: regional,
  },
  {
    what: "that is signed attributes, stripped of what they were for",
    forge: async () => {
      const attributes = set(...ATTRIBUTES);
      return { signature: await assembled(openssl, { content: attributes, signer: regional }), document: attributes };
    },
    code: "malformed",
    reason: "The instance identity document is not UTF-8.",
    goodTo: regional,
  },
  {
    what: "that says it is a time stamp",
    forge: () => cms(openssl, CONTENT, regional, { more: ["-econtent_type", "1.2.840.113549.1.9.16.1.4"] }),
    code: "malformed",
    reason: "The document's content is 1.2.840.113549.1.9.16.1.4, no plain data.",
    goodTo: regional,
  },
  {
    what: "inside of another that is signed, too",
    forge: async () => {
      const inner = await asEc2(openssl, CONTENT.toString(), regional);
      return cms(openssl, inner, evilRegional, { more: ["-econtent_type", "1.2.840.113549.1.7.2"] });
    },
    code: "malformed",
    reason: "The document's content is 1.2.840.113549.1.7.2, no plain data.",
    goodTo: evilRegional,
  },
  {
    what: "that is encrypted",
    forge: () =>
      openssl.output(
        ["cms", "-encrypt", "-binary", "-outform", "DER", "-aes256", "-recip", regional.certificate],
        CONTENT,
      ),
    code: "malformed",
    reason: "The document is not signed data of PKCS#7: it is encrypted for somebody.",
  },
  {
    what: "that has a digest and no signature",
    forge: () => openssl.output(["cms", "-digest_create", "-binary", "-outform", "DER", "-md", "sha256"], CONTENT),
    code: "malformed",
    reason: "The document is not signed data of PKCS#7: it is a digest, which nobody has signed.",
  },
  {
    what: "that is plain data",
    forge: () => openssl.output(["cms", "-data_create", "-binary", "-outform", "DER"], CONTENT),
    code: "malformed",
    reason: "The document is not signed data of PKCS#7: it is plain data, which nobody has signed.",
  },
  {
    what: "that is a certificate",
    forge: () => Promise.resolve(regional.der),
    code: "malformed",
    reason: "The document is not PKCS#7.",
  },
  {
    what: "that is cut short",
    forge: async () => (await asEc2(openssl, CONTENT.toString(), regional)).subarray(0, -5),
    code: "malformed",
    reason: "The document is no whole BER.",
  },
  {
    what: "with bytes behind it",
    forge: async () => Buffer.concat([await asEc2(openssl, CONTENT.toString(), regional), Buffer.from("more")]),
    code: "malformed",
    reason: "The document has bytes behind its end.",
    goodTo: regional,
  },
  {
    what: "in PEM",
    forge: async () => openssl.output(["pkcs7", "-inform", "DER"], await asEc2(openssl, CONTENT.toString(), regional)),
    code: "malformed",
    reason: "The document is PEM, where bytes belong.",
  },
  {
    what: "in base64",
    forge: async () => Buffer.from((await asEc2(openssl, CONTENT.toString(), regional)).toString("base64")),
    code: "malformed",
    reason: "The document is base64, where bytes belong.",
  },
  {
    what: "in the alphabet of URLs",
    forge: async () => Buffer.from((await asEc2(openssl, CONTENT.toString(), regional)).toString("base64url")),
    code: "malformed",
    reason: "The document is base64url, where bytes belong.",
  },
  {
    what: "that is empty",
    forge: () => Promise.resolve(new Uint8Array()),
    code: "malformed",
    reason: "The document is empty, where bytes belong.",
  },
  {
    what: "of 20 KiB",
    forge: signed(changed({ pad: "x".repeat(20_000) })),
    code: "oversized",
    reason: "The evidence is longer than 16384 bytes.",
    goodTo: regional,
  },
  {
    what: "of another account",
    forge: signed(changed({ accountId: OTHER_ACCOUNT })),
    code: "not-allowed",
    reason: 'The account "210987654321" is not among those that are allowed.',
    goodTo: regional,
  },
  {
    what: "of a region without a certificate",
    forge: signed(changed({ region: "us-west-2" })),
    code: "not-allowed",
    reason: 'No certificate is configured for "us-west-2".',
    goodTo: regional,
  },
  {
    what: "of a region of another certificate",
    forge: signed(changed({ region: "us-east-1" })),
    code: "signature-invalid",
    reason: 'The document\'s signer, serial number 1001, is not a certificate that is configured for "us-east-1".',
    goodTo: regional,
  },
  {
    what: "whose region is an object's own business",
    forge: signed(changed({ region: "constructor" })),
    code: "malformed",
    reason: '"region" is missing, or is not what such a name looks like.',
    goodTo: regional,
  },
  {
    what: "of an instance whose id is a path",
    forge: signed(changed({ instanceId: "../i-0123456789abcdef0" })),
    code: "malformed",
    reason: '"instanceId" is missing, or is not what such a name looks like.',
    goodTo: regional,
  },
  {
    what: "with its account twice",
    forge: signed(CONTENT.toString().replace("{", `{"accountId":"${OTHER_ACCOUNT}",`)),
    code: "duplicate-key",
    reason: 'The instance identity document has "accountId" twice in one object.',
    goodTo: regional,
  },
  {
    what: "with its account twice, once in another spelling",
    forge: signed(CONTENT.toString().replace("{", `{"acc\\u006funtId":"${OTHER_ACCOUNT}",`)),
    code: "duplicate-key",
    reason: 'The instance identity document has "accountId" twice in one object.',
    goodTo: regional,
  },
  {
    what: "in UTF-16",
    forge: async () => {
      const document = Buffer.from(CONTENT.toString(), "utf16le");
      return { signature: await cms(openssl, document, regional), document };
    },
    code: "malformed",
    reason: "The instance identity document is not JSON.",
    goodTo: regional,
  },
  {
    what: "that is a list",
    forge: signed(`[${CONTENT.toString()}]`),
    code: "malformed",
    reason: "The instance identity document is not an object of JSON.",
    goodTo: regional,
  },
  {
    what: "of a machine that started long ago",
    forge: signed(JSON.stringify(documents.aws(NOW_MS - 15 * 60_000))),
    code: "expired",
    reason: "aws/123456789012/i-0123456789abcdef0 registers for the first time, and started too long ago for that.",
    goodTo: regional,
  },
  {
    what: "of a machine that starts in two minutes",
    forge: signed(JSON.stringify(documents.aws(NOW_MS + 180_000))),
    code: "not-yet-valid",
    reason: "The instance has started in the future.",
    goodTo: regional,
  },
];

it.each(forgeries)("refuses an identity document $what: $code", async ({ forge, code, reason, goodTo }) => {
  const sent = whole(await forge());
  const verdict = await new Scene(stage.accept).register(() => evidenceOf(sent));
  expect(verdict).toMatchObject({ verdict: "refused", code, reason });
  // What openssl itself finds good is refused for what it is, not for how it is written.
  expect(await isGoodToOpenSsl(openssl, sent.signature, goodTo ?? regional)).toBe(goodTo !== undefined);
});

it("tells each forgery from the others in the audit log", () => {
  expect(sharedReasons(forgeries)).toEqual([
    [
      "signed by a forger who sends the genuine certificate first",
      "signed by a forger who sends the genuine certificate last",
    ],
    [
      "signed by a forger in the name of the genuine certificate",
      "with its content swapped",
      "with its content swapped, and the digest in attributes that are not signed anew",
    ],
    ["with its account twice", "with its account twice, once in another spelling"],
  ]);
});
