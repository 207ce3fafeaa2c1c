import { X509Certificate } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { Refusal } from "./refusal.ts";

/** What grpc-js tells of a call's peer: a certificate only if TLS has verified its chain. */
export interface Call {
  getAuthContext(): { readonly sslPeerCertificate?: { readonly raw: Uint8Array } };
}

/**
 * The id of the machine that calls, by its certificate.
 * @throws {Refusal} UNAUTHENTICATED without a certificate that is a machine's.
 */
export function callingMachine(call: Call, trustDomain: string): string {
  const raw = call.getAuthContext().sslPeerCertificate?.raw;
  if (raw === undefined)
    throw new Refusal(status.UNAUTHENTICATED, "This call needs a machine identity certificate of this control plane.");
  const [name, ...more] = new X509Certificate(raw).subjectAltName?.split(", ") ?? [];
  const prefix = `URI:spiffe://${trustDomain}/machine/`;
  if (name === undefined || more.length > 0 || !name.startsWith(prefix)) {
    throw new Refusal(
      status.UNAUTHENTICATED,
      "The client certificate is not a machine's: its one name must be a machine's SPIFFE id.",
    );
  }
  return name.slice(prefix.length);
}
