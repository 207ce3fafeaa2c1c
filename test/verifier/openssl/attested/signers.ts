import { DAY_MS, NOW_MS } from "../../authorities/clock.ts";
import { asAzure, assembled, withAzuresDigest } from "../message.ts";
import { AZURE_NAME, named, type Stage } from "../stage.ts";
import { type AttestedForgery, by, content } from "./document.ts";

/** Signed by somebody else, or with a certificate that is not good for it. */
export function signers(stage: Stage): readonly AttestedForgery[] {
  const { openssl, signer, evil, keys } = stage;
  return [
    {
      what: "signed by a forger who sends the genuine certificate first",
      forge: async (m) => ({
        pkcs7: await assembled(openssl, { content: Buffer.from(content(m)), signer: evil, bag: [signer, evil] }),
      }),
      code: "signer-untrusted",
      reason: 'The signer\'s chain does not end in a configured root: "CN=metadata.azure.com" is a root of its own.',
      goodTo: evil,
    },
    {
      what: "signed by a forger who sends the genuine certificate last",
      forge: async (m) => ({
        pkcs7: await assembled(openssl, { content: Buffer.from(content(m)), signer: evil, bag: [evil, signer] }),
      }),
      code: "signer-untrusted",
      reason: 'The signer\'s chain does not end in a configured root: "CN=metadata.azure.com" is a root of its own.',
      goodTo: evil,
    },
    {
      what: "signed by a forger in the name of the genuine certificate",
      forge: async (m) => ({
        pkcs7: await assembled(openssl, {
          content: Buffer.from(content(m)),
          signer: evil,
          namedAs: signer,
          bag: [signer, evil],
        }),
      }),
      code: "signature-invalid",
      reason: "The document names a certificate that came along, and its signature is another's.",
    },
    {
      what: "signed by a forger whose certificate is not in it",
      forge: async (m) => ({
        pkcs7: await assembled(openssl, { content: Buffer.from(content(m)), signer: evil, bag: [signer] }),
      }),
      code: "signature-invalid",
      reason: "The document's signer, serial number 666003, is not a certificate that came along.",
      goodTo: evil,
    },
    {
      what: "whose digest Azure's habit hides: SHA-1",
      forge: async (m) => ({ pkcs7: withAzuresDigest(await asAzure(openssl, content(m), signer, "sha1"), "sha1") }),
      code: "signature-invalid",
      reason: "The document names a certificate that came along, and its signature is another's.",
    },
    {
      what: "whose certificate has expired",
      forge: by(stage, () => stage.leaf(named(AZURE_NAME), { endMs: NOW_MS - DAY_MS })),
      code: "signer-untrusted",
      reason: 'The certificate "CN=metadata.azure.com" expired at 2026-11-19T12:00:00.000Z.',
      goodTo: signer,
    },
    {
      what: "whose certificate is not valid yet",
      forge: by(stage, () => stage.leaf(named(AZURE_NAME), { startMs: NOW_MS + DAY_MS })),
      code: "signer-untrusted",
      reason: 'The certificate "CN=metadata.azure.com" is valid from 2026-11-21T12:00:00.000Z.',
      goodTo: signer,
    },
    {
      what: "whose certificate is for mail",
      forge: by(stage, () =>
        stage.leaf([
          ...named(AZURE_NAME).filter((line) => line !== "extendedKeyUsage=serverAuth"),
          "extendedKeyUsage=emailProtection",
        ]),
      ),
      code: "signer-untrusted",
      reason: 'The certificate "CN=metadata.azure.com" is for other purposes.',
      goodTo: signer,
    },
    {
      what: "whose certificate may encrypt, and not sign",
      forge: by(stage, () => stage.leaf(["keyUsage=critical,keyEncipherment", `subjectAltName=DNS:${AZURE_NAME}`])),
      code: "signer-untrusted",
      reason: "The signer's certificate is not for signatures.",
      goodTo: signer,
    },
    {
      what: "whose certificate has a condition that nobody knows",
      forge: by(stage, () => stage.leaf([...named(AZURE_NAME), "1.2.3.4.5=critical,DER:0500"])),
      code: "signer-untrusted",
      reason: 'The certificate "CN=metadata.azure.com" has a condition, 1.2.3.4.5.',
      goodTo: signer,
    },
    {
      what: "whose certificate has a key of 1024 bits",
      forge: by(stage, () => stage.leaf(named(AZURE_NAME), { key: keys.short })),
      code: "key-weak",
      reason: 'The key of "CN=metadata.azure.com" has 1024 bits.',
      goodTo: signer,
    },
    {
      what: "whose certificate is signed with SHA-1",
      forge: by(stage, () => stage.leaf(named(AZURE_NAME), { digest: "sha1" })),
      code: "algorithm-not-allowed",
      reason: 'The certificate "CN=metadata.azure.com" is signed with 1.2.840.10045.4.1.',
      goodTo: signer,
    },
    {
      what: "whose certificate is on a curve, where RSA signs",
      forge: by(stage, () => stage.leaf(named(AZURE_NAME), { key: keys.ec })),
      code: "algorithm-not-allowed",
      reason: "The document's signature is 1.2.840.10045.4.3.2.",
      goodTo: signer,
    },
  ];
}
