import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import type { CertificateFacts, KeyFacts } from "../../core/authorise.ts";
import { AgentError } from "../../core/errors.ts";
import type { Anchor, AnchorCa, PeerReader } from "../../ports/peer-reader.ts";
import { issuedByTwin } from "./issued-by-twin.ts";
import { Remembered } from "./remembered.ts";
import { sentChain } from "./sent-chain.ts";
import { uriSans } from "./uri-sans.ts";

/**
 * As many certificates are remembered: a machine sees few, each for every connection of its build.
 * To read one costs 0.1 ms (Node 24) or 0.3 ms (Node 20), to look it up some microseconds.
 */
const MOST_REMEMBERED = 256;

/**
 * Reads peers with Node's X509Certificate, and with nothing else: what OpenSSL judged and what we
 * read are the same bytes. What follows from those bytes alone, and from the CAs, is remembered by
 * their digest; whoever judges does so each time.
 */
export function nodePeerReader(): PeerReader {
  const certificates = new Remembered<X509Certificate>(MOST_REMEMBERED);
  const facts = new Remembered<CertificateFacts>(MOST_REMEMBERED);
  /** By the very list of CAs: one that changes is another. */
  const anchors = new WeakMap<readonly AnchorCa[], Remembered<Anchor | undefined>>();
  const parse = (der: Uint8Array): X509Certificate => certificates.get([der], () => new X509Certificate(der));
  /** Parsed once for each CA; an AnchorCa that goes out of use takes its certificate with it. */
  const parsed = new WeakMap<AnchorCa, X509Certificate>();
  const certificateOf = (ca: AnchorCa): X509Certificate => {
    const known = parsed.get(ca) ?? new X509Certificate(ca.pem);
    parsed.set(ca, known);
    return known;
  };
  return {
    read: (leaf) =>
      facts.get([leaf], () =>
        attempt("gateway.certificate-unreadable", "The client's certificate", () => readFacts(parse(leaf))),
      ),
    sent: (flight) =>
      attempt("gateway.certificate-unreadable", "The chain that the client sent", () => sentChain(flight)),
    issuedByTwin: (leaf, cas, nowMs) =>
      attempt("gateway.certificate-unreadable", "The client's certificate", () =>
        issuedByTwin(parse(leaf), cas.map(certificateOf), nowMs),
      ),
    readCa: (pem) => {
      const ca = attempt("gateway.ca-unreadable", "A CA of the trust bundle", () => {
        const certificate = new X509Certificate(pem);
        const anchor = {
          pem,
          key: spkiSha256(certificate),
          notAfterMs: Date.parse(certificate.validTo),
          subject: certificate.subject.split("\n").join(", "),
        };
        return { certificate, anchor };
      });
      parsed.set(ca.anchor, ca.certificate);
      return ca.anchor;
    },
    anchor: (chain, cas) => {
      const known = anchors.get(cas) ?? new Remembered<Anchor | undefined>(MOST_REMEMBERED);
      anchors.set(cas, known);
      return known.get(chain, () =>
        attempt("gateway.certificate-unreadable", "A certificate of the client's chain", () =>
          anchorOf(linked(chain.map(parse)), cas, certificateOf),
        ),
      );
    },
  };
}

function anchorOf(
  certificates: readonly X509Certificate[],
  cas: readonly AnchorCa[],
  certificateOf: (ca: AnchorCa) => X509Certificate,
): Anchor | undefined {
  for (const [at, certificate] of certificates.entries()) {
    const issuer = cas.find((ca) => issued(certificateOf(ca), certificate));
    if (issuer === undefined) continue;
    const whole = [...certificates.slice(0, at + 1), certificateOf(issuer)];
    const notAfterMs = Math.min(...whole.map(({ validTo }) => Date.parse(validTo)));
    return { key: issuer.key, notAfterMs, keys: whole.slice(1).map(({ publicKey }) => keyFacts(publicKey)) };
  }
  return undefined;
}

/** As much of the chain as hangs together from the leaf up. */
function linked(certificates: readonly X509Certificate[]): readonly X509Certificate[] {
  const broken = certificates.findIndex((certificate, at) => {
    const below = certificates[at - 1];
    return below !== undefined && !issued(certificate, below);
  });
  return broken === -1 ? certificates : certificates.slice(0, broken);
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

function readFacts(certificate: X509Certificate): CertificateFacts {
  return {
    serial: certificate.serialNumber,
    uriSans: uriSans(certificate.subjectAltName),
    isCa: certificate.ca,
    // Node calls the extended key usage by this name; it is undefined where the extension is
    // absent.
    extendedKeyUsage: certificate.keyUsage ?? [],
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    key: keyFacts(certificate.publicKey),
    spkiSha256: spkiSha256(certificate),
  };
}

function keyFacts({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): KeyFacts {
  if (type === "rsa" || type === "rsa-pss") return { kind: "rsa", bits: details?.modulusLength ?? 0 };
  // A curve that has no name is written as its numbers: nobody needs those.
  if (type === "ec") return { kind: "ec", curve: details?.namedCurve ?? "without a name" };
  return { kind: "other", name: type ?? "of a kind that Node does not know" };
}

function spkiSha256(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

function attempt<T>(code: string, what: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw new AgentError(code, `${what} cannot be read; issue another`, { retryable: false, cause });
  }
}
