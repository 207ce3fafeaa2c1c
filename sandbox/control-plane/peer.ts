import { X509Certificate } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { sha256Hex } from "../pki/key-pair.ts";
import { Refusal } from "./refusal.ts";

/** What grpc-js tells of a call's peer: a certificate only if TLS has verified its chain. */
export interface Call {
  /** "192.0.2.7:41234". */
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: { readonly raw: Uint8Array } };
}

/** Who calls: the machine's id, and its key's SHA-256 in lower-case hex. */
export interface Caller {
  readonly machineId: string;
  readonly keySha256: string;
}

/**
 * Who calls, by its certificate.
 * @throws {Refusal} UNAUTHENTICATED without a certificate that is a machine's.
 */
export function callerOf(call: Call, trustDomain: string): Caller {
  const raw = call.getAuthContext().sslPeerCertificate?.raw;
  if (raw === undefined)
    throw new Refusal(status.UNAUTHENTICATED, "This call needs a machine identity certificate of this control plane.");
  const certificate = new X509Certificate(raw);
  const [name, ...more] = certificate.subjectAltName?.split(", ") ?? [];
  const prefix = `URI:spiffe://${trustDomain}/machine/`;
  if (name === undefined || more.length > 0 || !name.startsWith(prefix)) {
    throw new Refusal(
      status.UNAUTHENTICATED,
      "The client certificate is not a machine's: its one name must be a machine's SPIFFE id.",
    );
  }
  const keySha256 = sha256Hex(certificate.publicKey.export({ type: "spki", format: "der" }));
  return { machineId: name.slice(prefix.length), keySha256 };
}

/** Where a call comes from, without its port: "192.0.2.7", "[2001:db8::7]". */
export function addressOf(peer: string): string {
  return /^(.+):\d+$/.exec(peer)?.[1] ?? peer;
}
