import type { TLSSocket } from "node:tls";
import type { PeerFacts } from "../core/authorise.ts";
import type { ClientFlight, PeerReader } from "../ports/peer-reader.ts";

/** Beyond this a chain is not followed: ours have one or two links. */
const LONGEST_CHAIN = 8;

/** What a client has shown of itself in a finished handshake. */
export interface Presented {
  readonly facts: PeerFacts;
  /** DER, the leaf first; empty without a certificate. */
  readonly chain: readonly Uint8Array[];
  /** The same as the client sent it, if that can be read. It costs something. */
  sent(): readonly Uint8Array[];
}

/** @throws {AgentError} "gateway.certificate-unreadable" */
export function presentedBy(socket: TLSSocket, flight: ClientFlight, peers: PeerReader): Presented {
  const chain: Uint8Array[] = [];
  for (
    let certificate = socket.getPeerX509Certificate();
    certificate !== undefined && chain.length < LONGEST_CHAIN;
    certificate = certificate.issuerCertificate
  )
    chain.push(certificate.raw);
  const [leaf] = chain;
  return {
    chain,
    sent: () => peers.sent(flight)?.slice(0, LONGEST_CHAIN) ?? [],
    facts: {
      protocol: socket.getProtocol() ?? "none",
      sessionReused: socket.isSessionReused(),
      // Typed as an Error, but Node puts OpenSSL's code there as a string.
      ...(socket.authorized ? {} : { chainError: String(socket.authorizationError) }),
      ...(leaf === undefined ? {} : { certificate: peers.read(leaf) }),
    },
  };
}
