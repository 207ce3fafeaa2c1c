import { KeyObject, sign } from "node:crypto";
import { encode, Tag } from "cbor2";
import type { Holder } from "./certificates.ts";

export type Payload = Map<string, unknown>;

/** COSE_Sign1 of a payload, as nitro-tpm-attest gives it. */
export function sign1(
  payload: Payload,
  signer: Holder,
  { algorithm = -35, isTagged = true }: { readonly algorithm?: number; readonly isTagged?: boolean } = {},
): Uint8Array {
  const protectedHeader = encode(new Map([[1, algorithm]]));
  const encodedPayload = encode(payload);
  const signed = encode(["Signature1", protectedHeader, new Uint8Array(), encodedPayload]);
  const key = KeyObject.from(signer.pair.privateKey);
  const signature = new Uint8Array(sign("sha384", signed, { key, dsaEncoding: "ieee-p1363" }));
  const message = [protectedHeader, new Map(), encodedPayload, signature];
  return encode(isTagged ? new Tag(18, message) : message);
}
