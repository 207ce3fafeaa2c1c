import { createPrivateKey, sign } from "node:crypto";
import { encode, Tag } from "cbor2";
import { z } from "zod";

/** What the stand-in's TPM has measured: PCR 4 the boot loader, PCR 12 its command line. */
export const MEASURED = { "4": "a4".repeat(48), "12": "00".repeat(48) } as const;

/** COSE: the message's tag, the header's name for the algorithm, ES384 (RFC 9053, 2.1). */
const SIGN1 = 18;
const ALGORITHM = 1;
const ES384 = -35;

const AUTHORITY = z.object({
  keyPem: z.string(),
  /** DER in base64: the signer's, and those above it from the root down. */
  certificate: z.string(),
  bundle: z.array(z.string()),
});

export type NitroAuthority = z.output<typeof AUTHORITY>;

export interface Given {
  readonly nonce: Uint8Array | null;
  readonly publicKey: Uint8Array | null;
  readonly userData: Uint8Array | null;
}

/**
 * An attestation document: COSE_Sign1 over a map of CBOR. Source: the EC2 user guide, "NitroTPM
 * attestation document content".
 */
export function attest(authorityJson: string, { nonce, publicKey, userData }: Given): Uint8Array {
  const { keyPem, certificate, bundle } = AUTHORITY.parse(JSON.parse(authorityJson));
  const pcrs = Object.entries(MEASURED).map(([number, hex]) => [Number(number), bytesOf(hex, "hex")] as const);
  const payload = encode(
    new Map<string, unknown>([
      ["module_id", "i-0123456789abcdef0-tpm0123456789abcdef"],
      ["timestamp", Date.now()],
      ["digest", "SHA384"],
      ["nitrotpm_pcrs", new Map(pcrs)],
      ["certificate", bytesOf(certificate, "base64")],
      ["cabundle", bundle.map((one) => bytesOf(one, "base64"))],
      ["public_key", publicKey],
      ["user_data", userData],
      ["nonce", nonce],
    ]),
  );
  const header = encode(new Map([[ALGORITHM, ES384]]));
  const signed = encode(["Signature1", header, new Uint8Array(), payload]);
  const key = createPrivateKey(keyPem);
  const signature = new Uint8Array(sign("sha384", signed, { key, dsaEncoding: "ieee-p1363" }));
  return encode(new Tag(SIGN1, [header, new Map(), payload, signature]));
}

/** cbor2 writes a Buffer as something else than bytes. */
function bytesOf(text: string, encoding: "base64" | "hex"): Uint8Array {
  return new Uint8Array(Buffer.from(text, encoding));
}
