import { oid, sequence, set } from "../asn1.ts";
import { asEc2, assembled, contentTypeAttribute, digestAttribute } from "../message.ts";
import type { Stage } from "../stage.ts";
import { ATTRIBUTES, CONTENT, type IdentityForgery, OTHER } from "./document.ts";

/** Signed for another content than is in it. */
export function attributes(stage: Stage): readonly IdentityForgery[] {
  const { openssl, regional } = stage;
  return [
    {
      what: "with its content swapped",
      forge: async () => ({
        signature: await assembled(openssl, { content: OTHER, signed: CONTENT, signer: regional }),
        document: OTHER,
      }),
      code: "signature-invalid",
      reason:
        'The document names a certificate that is configured for "eu-central-1", and its signature is another\'s.',
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
      reason:
        'The document names a certificate that is configured for "eu-central-1", and its signature is another\'s.',
    },
    {
      what: "beside another document",
      forge: async () => ({ signature: await asEc2(openssl, CONTENT.toString(), regional), document: OTHER }),
      code: "content-mismatch",
      reason: "The document is not the one that is signed.",
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
  ];
}
