import { asEc2, cms } from "../message.ts";
import type { Stage } from "../stage.ts";
import { CONTENT, changed, type IdentityForgery, signed } from "./document.ts";

/** Something else than PKCS#7 with its content inside. */
export function forms(stage: Stage): readonly IdentityForgery[] {
  const { openssl, regional, evilRegional } = stage;
  return [
    {
      what: "that is not in its signature",
      forge: () => cms(openssl, CONTENT, regional, { isDetached: true }),
      code: "content-absent",
      reason: "The document's content is not in it.",
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
      forge: async () =>
        openssl.output(["pkcs7", "-inform", "DER"], await asEc2(openssl, CONTENT.toString(), regional)),
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
      forge: signed(stage, changed({ pad: "x".repeat(20_000) })),
      code: "oversized",
      reason: "The evidence is longer than 16384 bytes.",
      goodTo: regional,
    },
  ];
}
