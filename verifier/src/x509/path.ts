import { BasicConstraints, CertificateChainValidationEngine } from "pkijs";
import { Refused } from "../refusal.ts";
import { type ParsedCertificate, requireStrongKey } from "./certificate.ts";
import { engine } from "./engine.ts";

/** Between the signer and the root. */
const MOST_INTERMEDIATES = 5;
/** Signatures that are tried for one chain: who sends many of one name gains nothing. */
const MOST_TRIES = 24;
/** RSA (PKCS#1) and ECDSA, each with SHA-256, SHA-384 and SHA-512. */
const SIGNATURES = new Set([
  ...["1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"],
  ...["1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"],
]);

export interface PathParts {
  readonly leaf: ParsedCertificate;
  /** As they came with the evidence. */
  readonly intermediates: readonly ParsedCertificate[];
  /** As they are configured. */
  readonly roots: readonly ParsedCertificate[];
}

/**
 * A chain from `leaf` to one of the roots. The search is ours, because it has to end: that of
 * pkijs runs for ever where two intermediates certify each other. What it finds, pkijs validates.
 * @throws {Refused} "signer-untrusted", "key-weak", "algorithm-not-allowed"
 */
export async function requirePath(parts: PathParts, nowMs: number): Promise<void> {
  const tries = { left: MOST_TRIES };
  const path = findPath([parts.leaf], parts, tries);
  if (path === undefined)
    throw new Refused("signer-untrusted", "The signer's chain does not end in a configured root.");
  for (const certificate of path) requireStrongKey(certificate);
  requireStrongSignatures(path);
  requirePathLengths(path);
  await validate(path, nowMs);
}

function findPath(
  path: readonly ParsedCertificate[],
  parts: PathParts,
  tries: { left: number },
): readonly ParsedCertificate[] | undefined {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const root = parts.roots.find((root) => isIssuedBy(last, root, tries));
  if (root !== undefined) return [...path, root];
  if (path.length > MOST_INTERMEDIATES) return undefined;
  for (const next of parts.intermediates) {
    if (path.some(({ id }) => id === next.id) || !isIssuedBy(last, next, tries)) continue;
    const found = findPath([...path, next], parts, tries);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isIssuedBy(issued: ParsedCertificate, issuer: ParsedCertificate, tries: { left: number }): boolean {
  if (!issuer.node.ca || !issued.node.checkIssued(issuer.node)) return false;
  tries.left -= 1;
  if (tries.left < 0) throw new Refused("signer-untrusted", "The signer's chain has too many candidates.");
  return issued.node.verify(issuer.node.publicKey);
}

function requireStrongSignatures(path: readonly ParsedCertificate[]): void {
  for (const { pki } of path.slice(0, -1)) {
    if (!SIGNATURES.has(pki.signatureAlgorithm.algorithmId))
      throw new Refused(
        "algorithm-not-allowed",
        "A certificate of the signer's chain is signed with another algorithm.",
      );
  }
}

/** RFC 5280, 4.2.1.9; pkijs does not look at it. */
function requirePathLengths(path: readonly ParsedCertificate[]): void {
  path.forEach(({ pki }, index) => {
    const constraints: unknown = pki.extensions?.find(({ extnID }) => extnID === "2.5.29.19")?.parsedValue;
    if (!(constraints instanceof BasicConstraints) || !hasPathLength(constraints)) return;
    if (index - 1 > Number(constraints.pathLenConstraint))
      throw new Refused("signer-untrusted", "The signer's chain is longer than one of its authorities allows.");
  });
}

function hasPathLength(constraints: BasicConstraints): boolean {
  return constraints.toSchema().valueBlock.value.length > 1;
}

async function validate(path: readonly ParsedCertificate[], nowMs: number): Promise<void> {
  const [leafFirst, root] = [path.slice(0, -1), path.slice(-1)];
  const chain = new CertificateChainValidationEngine({
    // pkijs takes the last one for the leaf.
    certs: leafFirst.map(({ pki }) => pki).toReversed(),
    trustedCerts: root.map(({ pki }) => pki),
    checkDate: new Date(nowMs),
  });
  const { result, resultMessage } = await chain.verify({}, engine);
  if (!result) throw new Refused("signer-untrusted", `The signer's chain is not valid: ${resultMessage}`);
}
