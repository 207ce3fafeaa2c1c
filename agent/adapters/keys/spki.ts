import { createHash, type KeyObject } from "node:crypto";

/** SHA-256 over the DER SubjectPublicKeyInfo of a public key, lower-case hex. */
export function spkiSha256(publicKey: KeyObject): string {
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}
