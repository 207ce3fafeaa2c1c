import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { pemCertificates } from "../core/pem.ts";
import type { LoadedConfig } from "./config/config.ts";
import { ConfigInvalid } from "./config/problem.ts";

/**
 * The CA that the control plane's certificate must chain to, as PEM.
 * @throws {ConfigInvalid} if the file cannot be read or holds no CA certificate.
 */
export async function pinnedCa(
  { config, sources }: LoadedConfig<"controlPlane">,
  signal: AbortSignal,
): Promise<string> {
  const { caFile } = config.controlPlane;
  const refuse = (found: string): ConfigInvalid =>
    new ConfigInvalid([
      {
        key: "controlPlane.caFile",
        source: sources.get("controlPlane.caFile") ?? { from: "default" },
        found: `"${caFile}", ${found}`,
        expected: "a readable PEM file with at least one CA certificate",
      },
    ]);
  let pem: string;
  try {
    pem = await readFile(caFile, { encoding: "utf8", signal });
  } catch (cause) {
    throw signal.aborted ? cause : refuse(`which cannot be read (${codeOf(cause)})`);
  }
  const certificates = pemCertificates(pem) ?? [];
  if (certificates.length === 0) throw refuse("which holds no certificate, or a broken one");
  if (!certificates.every(isCa)) throw refuse("which holds something that is no CA certificate");
  return pem;
}

function isCa(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}

function codeOf(failure: unknown): string {
  return failure instanceof Error && "code" in failure ? String(failure.code) : "unknown error";
}
