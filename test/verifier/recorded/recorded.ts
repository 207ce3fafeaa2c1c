import { readFileSync } from "node:fs";

/** Sources: README.md. */
export const recorded = {
  azureSample: text("azure-documented-sample.b64"),
  awsSignature: text("aws-rsa2048.b64"),
  awsCertificate: text("aws-us-west-2.pem"),
  nitroTpm: bytesOf(text("nitro-tpm.b64")),
  nitroRoot: text("aws-nitro-root-g1.pem"),
} as const;

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

function text(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}
