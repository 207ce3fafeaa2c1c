import type { TLSSocket } from "node:tls";
import type { PeerFacts } from "../core/authorise.ts";
import type { Instant } from "../core/instant.ts";
import type { AnchorCa, ClientFlight, PeerReader } from "../ports/peer-reader.ts";

/** A handshake that is over. */
export interface Secured {
  readonly socket: TLSSocket;
  /** That its chain was verified against. */
  readonly cas: readonly AnchorCa[];
  /** While it is judged. It costs something. */
  readonly flight: () => ClientFlight;
}

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

/** OpenSSL's word for a leaf that is not signed by the CA which it took for the issuer. */
const NOT_SIGNED = "CERT_SIGNATURE_FAILURE";

/**
 * @param cas what the chain was verified against. @throws {AgentError}
 * "gateway.certificate-unreadable"
 */
export function presentedBy(
  { socket, flight, cas }: Secured,
  peers: PeerReader,
  now: Pick<Instant, "wallMs">,
): Presented {
  const chain: Uint8Array[] = [];
  for (
    let certificate = socket.getPeerX509Certificate();
    certificate !== undefined && chain.length < LONGEST_CHAIN;
    certificate = certificate.issuerCertificate
  )
    chain.push(certificate.raw);
  const [leaf] = chain;
  // Typed as an Error, but Node puts OpenSSL's code there as a string.
  const chainError = socket.authorized ? undefined : String(socket.authorizationError);
  const isOfTwin = chainError === NOT_SIGNED && leaf !== undefined && peers.issuedByTwin(leaf, cas, now.wallMs);
  return {
    chain,
    sent: () => peers.sent(flight())?.slice(0, LONGEST_CHAIN) ?? [],
    facts: {
      protocol: socket.getProtocol() ?? "none",
      sessionReused: socket.isSessionReused(),
      ...(chainError === undefined || isOfTwin ? {} : { chainError }),
      ...(leaf === undefined ? {} : { certificate: peers.read(leaf) }),
    },
  };
}
