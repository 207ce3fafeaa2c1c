import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inTree } from "../../stack/tree.ts";
import { certify, pemOf } from "../document-authority.ts";
import type { NitroAuthority } from "./attest.ts";

export interface NitroTool {
  /** As identity.nitroTpmAttest. */
  readonly path: string;
  readonly rootPem: string;
}

/** Writes a nitro-tpm-attest that signs by authorities of its own into `dir`. */
export async function nitroTool(dir: string): Promise<NitroTool> {
  const root = await certify({ name: "Sandbox Nitro Root", key: "P-384", isCa: true });
  const zone = await certify({ name: "Sandbox Nitro Zone", key: "P-384", issuer: root, isCa: true });
  const signer = await certify({ name: "i-0123456789abcdef0", key: "P-384", issuer: zone });
  const base64 = ({ certificateDer }: typeof signer): string => Buffer.from(certificateDer).toString("base64");
  const authority: NitroAuthority = {
    keyPem: signer.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: base64(signer),
    bundle: [base64(root), base64(zone)],
  };
  const [file, path] = [join(dir, "nitro-authority.json"), join(dir, "nitro-tpm-attest")];
  await writeFile(file, JSON.stringify(authority), { mode: 0o600 });
  const program = inTree("dist/sandbox/metadata/nitro/program.js");
  const words = [process.execPath, program, "--authority", file].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  await writeFile(path, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
  await chmod(path, 0o755);
  return { path, rootPem: pemOf(root) };
}
