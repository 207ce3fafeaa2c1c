import { createHash, generateKeyPairSync } from "node:crypto";
import type { MachineKey } from "../../../agent/ports/evidence.ts";
import { certify } from "../../../sandbox/metadata/document-authority.ts";
import type { DocumentSigner } from "../../../sandbox/metadata/sign-document.ts";
import type { JwtSigner } from "../../../sandbox/metadata/sign-jwt.ts";

export function es384Signer(): JwtSigner {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  return { algorithm: "ES384", kid: "EC384_1", privateKey };
}

export function rs256Signer(): JwtSigner {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { algorithm: "RS256", kid: "RSA_1", privateKey };
}

export function documentSigner(name: string): Promise<DocumentSigner> {
  return certify({ name, key: "RSA" });
}

export function machineKey(): MachineKey {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spkiDer = publicKey.export({ type: "spki", format: "der" });
  return { spkiDer, spkiSha256: createHash("sha256").update(spkiDer).digest("hex") };
}
