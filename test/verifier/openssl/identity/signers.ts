import { asEc2, assembled, cms } from "../message.ts";
import type { Stage } from "../stage.ts";
import { ATTRIBUTES, CONTENT, type IdentityForgery } from "./document.ts";

/** Signed by somebody else, or in another way than is taken. */
export function signers(stage: Stage): readonly IdentityForgery[] {
  const { openssl, regional, otherRegional, evilRegional } = stage;
  return [
    {
      what: "signed by a forger who sends the genuine certificate first",
      forge: () => assembled(openssl, { content: CONTENT, signer: evilRegional, bag: [regional, evilRegional] }),
      code: "signature-invalid",
      reason:
        'The document\'s signer, serial number 666001, is not a certificate that is configured for "eu-central-1".',
      goodTo: evilRegional,
    },
    {
      what: "signed by a forger who sends the genuine certificate last",
      forge: () => assembled(openssl, { content: CONTENT, signer: evilRegional, bag: [evilRegional, regional] }),
      code: "signature-invalid",
      reason:
        'The document\'s signer, serial number 666001, is not a certificate that is configured for "eu-central-1".',
      goodTo: evilRegional,
    },
    {
      what: "signed by a forger in the name of the genuine certificate",
      forge: () => assembled(openssl, { content: CONTENT, signer: evilRegional, namedAs: regional, bag: [regional] }),
      code: "signature-invalid",
      reason:
        'The document names a certificate that is configured for "eu-central-1", and its signature is another\'s.',
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
      reason:
        'The document\'s signer, key id 010203040506, is not a certificate that is configured for "eu-central-1".',
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
      reason:
        'The document\'s signer, serial number 666002, is not a certificate that is configured for "eu-central-1".',
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
  ];
}
