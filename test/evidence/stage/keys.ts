import "reflect-metadata";
import { createHash, createPrivateKey, generateKeyPairSync, KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { MachineKey } from "../../../agent/ports/evidence.ts";
import type { DocumentSigner } from "../../../sandbox/metadata/sign-document.ts";
import type { JwtSigner } from "../../../sandbox/metadata/sign-jwt.ts";

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const;

export function es384Signer(): JwtSigner {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  return { algorithm: "ES384", kid: "EC384_1", privateKey };
}

export function rs256Signer(): JwtSigner {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { algorithm: "RS256", kid: "RSA_1", privateKey };
}

export async function documentSigner(name: string): Promise<DocumentSigner> {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "0102030405060708",
    name: `CN=${name}`,
    keys,
    signingAlgorithm: RSA,
  });
  const pkcs8 = KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "der" });
  return {
    privateKey: createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }),
    certificateDer: new Uint8Array(certificate.rawData),
  };
}

export function machineKey(): MachineKey {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spkiDer = publicKey.export({ type: "spki", format: "der" });
  return { spkiDer, spkiSha256: createHash("sha256").update(spkiDer).digest("hex") };
}
