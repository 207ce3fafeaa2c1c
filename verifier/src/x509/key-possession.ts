import { createHash, createPublicKey } from "node:crypto";
import { CertificationRequest } from "pkijs";
import { Refused } from "../refusal.ts";
import { wholeBer } from "./ber.ts";
import { requireStrong, SIGNATURES } from "./certificate.ts";
import { engine } from "./engine.ts";

const MOST_BYTES = 16 * 1024;

export interface ProvedKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** SHA-256 over it. */
  readonly keyDigest: Buffer;
}

/**
 * The key that a PKCS#10 request names and is signed with. Its names and attributes are left
 * unread.
 * @throws {Refused} "oversized", "key-not-proved", "key-weak", "algorithm-not-allowed"
 */
export async function provedKey(csr: Uint8Array): Promise<ProvedKey> {
  if (csr.length > MOST_BYTES)
    throw new Refused("oversized", `The certificate request is longer than ${MOST_BYTES} bytes.`);
  const { request, spki, key } = read(csr);
  requireStrong(key, "The key of the certificate request");
  if (!SIGNATURES.has(request.signatureAlgorithm.algorithmId))
    throw new Refused(
      "algorithm-not-allowed",
      `The certificate request's signature is ${request.signatureAlgorithm.algorithmId}.`,
    );
  await requireOwnSignature(request);
  return { spki, keyDigest: createHash("sha256").update(spki).digest() };
}

function read(csr: Uint8Array) {
  const result = wholeBer(csr, "certificate request", "key-not-proved");
  try {
    const request = new CertificationRequest({ schema: result });
    const spki = new Uint8Array(request.subjectPublicKeyInfo.toSchema().toBER());
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    if (!key.export({ format: "der", type: "spki" }).equals(spki)) throw new Error("its key is not in DER");
    return { request, spki, key };
  } catch (cause) {
    throw new Refused("key-not-proved", "The certificate request is not PKCS#10, or its key cannot be read.", cause);
  }
}

async function requireOwnSignature(request: CertificationRequest): Promise<void> {
  try {
    if (await request.verify(engine)) return;
  } catch (cause) {
    throw new Refused("key-not-proved", "The certificate request's signature cannot be verified.", cause);
  }
  throw new Refused("key-not-proved", "The certificate request is not signed by its own key.");
}
