import { createHash, createPublicKey } from "node:crypto";
import { CertificationRequest } from "pkijs";
import { Refused } from "../refusal.ts";
import { engine } from "./engine.ts";

const MOST_BYTES = 16 * 1024;

export interface ProvedKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** SHA-256 over it. */
  readonly keyDigest: Buffer;
}

/**
 * The key that a PKCS#10 request names and is signed with. Its names are left unread.
 * @throws {Refused} "oversized", "key-not-proved"
 */
export async function provedKey(csr: Uint8Array): Promise<ProvedKey> {
  if (csr.length > MOST_BYTES)
    throw new Refused("oversized", `The certificate request is longer than ${MOST_BYTES} bytes.`);
  let spki: Uint8Array;
  try {
    const request = CertificationRequest.fromBER(csr);
    if (!(await request.verify(engine))) throw new Error("its signature does not fit");
    spki = new Uint8Array(request.subjectPublicKeyInfo.toSchema().toBER());
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    if (!key.export({ format: "der", type: "spki" }).equals(spki)) throw new Error("its key is not in DER");
  } catch (cause) {
    throw new Refused("key-not-proved", "The certificate request is not signed by its own key.", cause);
  }
  return { spki, keyDigest: createHash("sha256").update(spki).digest() };
}
