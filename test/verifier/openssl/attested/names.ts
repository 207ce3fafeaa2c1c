import { tlv } from "../asn1.ts";
import { AZURE_NAME, named, SERVER, type Stage } from "../stage.ts";
import { type AttestedForgery, by } from "./document.ts";

/** Signed by an honest certificate for another name. */
export function names(stage: Stage): readonly AttestedForgery[] {
  const { signer } = stage;
  return [
    ...(
      [
        [`${AZURE_NAME}.evil.io`, named(`${AZURE_NAME}.evil.io`), '"metadata.azure.com.evil.io"'],
        [`evil${AZURE_NAME}`, named(`evil${AZURE_NAME}`), '"evilmetadata.azure.com"'],
        ["*.azure.com", named("*.azure.com"), '"*.azure.com"'],
        [`a.b.${AZURE_NAME}`, named(`a.b.${AZURE_NAME}`), '"a.b.metadata.azure.com"'],
        [`${AZURE_NAME}. with a dot behind it`, named(`${AZURE_NAME}.`), '"metadata.azure.com."'],
        ["METADATA.AZURE.COM", named(AZURE_NAME.toUpperCase()), '"METADATA.AZURE.COM"'],
        [`${AZURE_NAME} up to a zero`, withZero(`${AZURE_NAME}\0.evil.io`), '"metadata.azure.com\\u0000.evil.io"'],
        ["a look-alike in Punycode", named("xn--metadta-3fg.azure.com"), '"xn--metadta-3fg.azure.com"'],
        ["a URI", [...SERVER, `subjectAltName=URI:https://${AZURE_NAME}`], "no DNS name"],
        ["an address of mail", [...SERVER, `subjectAltName=email:root@${AZURE_NAME}`], "no DNS name"],
        ["its subject alone", SERVER, "no DNS name"],
      ] as const
    ).map(
      ([name, extensions, shown]): AttestedForgery => ({
        what: `signed by an honest certificate for ${name}`,
        forge: by(stage, () => stage.leaf(extensions)),
        code: "signer-name",
        reason: `The signer's certificate is not for the metadata service: it has ${shown}.`,
        goodTo: signer,
      }),
    ),
  ];
}

/** A DNS name is [2]; openssl itself writes none with a zero. */
function withZero(name: string): readonly string[] {
  const names = tlv(0x30, tlv(0x82, Buffer.from(name)));
  return [...SERVER, `subjectAltName=DER:${names.toString("hex")}`];
}
