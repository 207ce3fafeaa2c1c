import { ObjectIdentifier, OctetString } from "asn1js";
import type { Attribute, SignerInfo } from "pkijs";
import { Refused } from "../refusal.ts";

const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";

/**
 * RFC 5652, 5.3 and 11: where attributes are signed, the content's type and digest are among them,
 * each once and with one value. pkijs looks whether they are there, and takes the last of several.
 * @throws {Refused} "content-mismatch"; "signature-invalid" where the digest is another content's
 */
export function requireSignedAttributes({ signedAttrs }: SignerInfo, type: string, digest: Buffer): void {
  if (signedAttrs === undefined) return;
  const only = (id: string, what: string): unknown => {
    const values = signedAttrs.attributes.filter((one) => one.type === id).map(valuesOf);
    const [first] = values;
    if (values.length !== 1 || first?.length !== 1)
      throw new Refused("content-mismatch", `The signed attributes have not one ${what}: ${counted(values)}.`);
    return first[0];
  };
  const signedType = only(CONTENT_TYPE, "type of content");
  if (!(signedType instanceof ObjectIdentifier && signedType.getValue() === type))
    throw new Refused("content-mismatch", "The document's signature is for another type of content.");
  const signedDigest = only(MESSAGE_DIGEST, "digest");
  if (!(signedDigest instanceof OctetString))
    throw new Refused("content-mismatch", "The digest in the signed attributes is of another type.");
  if (!digest.equals(signedDigest.valueBlock.valueHexView))
    throw new Refused("signature-invalid", "The digest in the signed attributes is another content's.");
}

/** pkijs types them as anything. */
function valuesOf({ values }: Attribute): readonly unknown[] {
  return values;
}

function counted(values: readonly (readonly unknown[])[]): string {
  return values.length === 1 ? `one with ${values[0]?.length} values` : `${values.length} attributes`;
}
