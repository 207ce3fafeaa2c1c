import { BitString } from "asn1js";
import { BasicConstraints, CertificateChainValidationEngine, ExtKeyUsage } from "pkijs";
import { quoted } from "../quoted.ts";
import { Refused } from "../refusal.ts";
import { type ParsedCertificate, requireStrongKey, SIGNATURES } from "./certificate.ts";
import { engine } from "./engine.ts";

/** Between the signer and the root. */
const MOST_INTERMEDIATES = 5;
/** Signatures that are tried for one chain: who sends many of one name gains nothing. */
const MOST_TRIES = 24;
const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const EXTENDED_KEY_USAGE = "2.5.29.37";
/** What is judged by: names (17), their constraints (30), policies (32, 33, 36, 54), too. */
const KNOWN_EXTENSIONS = new Set([
  ...[BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, "2.5.29.17", "2.5.29.30"],
  ...["2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54"],
]);
/** Of `KeyUsage`, the first bit. */
const DIGITAL_SIGNATURE = 0x80;

export interface PathParts {
  readonly leaf: ParsedCertificate;
  /** As they came with the evidence. */
  readonly intermediates: readonly ParsedCertificate[];
  /** As they are configured. */
  readonly roots: readonly ParsedCertificate[];
  /**
   * OID of an extended key usage. A certificate that names any has to name this one. Undefined:
   * they may name what they like.
   */
  readonly purpose?: string;
}

interface Search {
  triesLeft: number;
  longest: readonly ParsedCertificate[];
}

/**
 * A chain from `leaf` to one of the roots. The search is ours, because it has to end: that of
 * pkijs runs for ever where two intermediates certify each other. What it finds, pkijs validates.
 * @throws {Refused} "signer-untrusted", "key-weak", "algorithm-not-allowed"
 */
export async function requirePath({ purpose, ...parts }: PathParts, nowMs: number): Promise<void> {
  const search: Search = { triesLeft: MOST_TRIES, longest: [] };
  const path = findPath([parts.leaf], parts, search);
  if (path === undefined) throw new Refused("signer-untrusted", whyNoPath(parts, search.longest));
  for (const certificate of path) {
    requireStrongKey(certificate);
    requireTime(certificate, nowMs);
  }
  for (const certificate of path.slice(0, -1)) {
    requireStrongSignature(certificate);
    requireKnownConditions(certificate);
  }
  requireUsages(path, purpose);
  requirePathLengths(path);
  await validate(path, nowMs);
}

function findPath(
  path: readonly ParsedCertificate[],
  parts: PathParts,
  search: Search,
): readonly ParsedCertificate[] | undefined {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  if (path.length > search.longest.length) search.longest = path;
  const root = parts.roots.find((root) => isIssuedBy(last, root, search));
  if (root !== undefined) return [...path, root];
  if (path.length > MOST_INTERMEDIATES) return undefined;
  for (const next of parts.intermediates) {
    if (path.some(({ id }) => id === next.id) || !isIssuedBy(last, next, search)) continue;
    const found = findPath([...path, next], parts, search);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isIssuedBy(issued: ParsedCertificate, issuer: ParsedCertificate, search: Search): boolean {
  if (!issuer.node.ca || !issued.node.checkIssued(issuer.node)) return false;
  // Before it is used: a key may be made so that to verify with it takes long.
  requireStrongKey(issuer);
  search.triesLeft -= 1;
  if (search.triesLeft < 0) throw new Refused("signer-untrusted", "The signer's chain has too many candidates.");
  return issued.node.verify(issuer.publicKey);
}

/** By names alone: what the longest path that was found stops at. */
function whyNoPath({ intermediates, roots }: PathParts, longest: readonly ParsedCertificate[]): string {
  const last = longest.at(-1)?.node;
  const named = [...roots, ...intermediates].filter(({ node }) => node.subject === last?.issuer);
  const reasons: readonly (readonly [boolean, string])[] = [
    [longest.length > MOST_INTERMEDIATES, "is too far up"],
    [last?.subject === last?.issuer, "is a root of its own"],
    [named.length === 0, "is not here"],
    [named.every(({ node }) => !node.ca), "is no authority"],
    [named.every(({ id }) => longest.some((one) => one.id === id)), "leads back to itself"],
  ];
  const why = reasons.find(([isSo]) => isSo)?.[1] ?? "has not signed what names it";
  return `The signer's chain does not end in a configured root: ${quoted(last?.issuer)} ${why}.`;
}

function requireTime({ node, pki }: ParsedCertificate, nowMs: number): void {
  const [from, to] = [pki.notBefore.value, pki.notAfter.value];
  if (nowMs < from.getTime())
    throw new Refused(
      "signer-untrusted",
      `The certificate ${quoted(node.subject)} is valid from ${from.toISOString()}.`,
    );
  if (nowMs > to.getTime())
    throw new Refused("signer-untrusted", `The certificate ${quoted(node.subject)} expired at ${to.toISOString()}.`);
}

function requireStrongSignature({ node, pki }: ParsedCertificate): void {
  const { algorithmId } = pki.signatureAlgorithm;
  if (!SIGNATURES.has(algorithmId))
    throw new Refused(
      "algorithm-not-allowed",
      `The certificate ${quoted(node.subject)} is signed with ${algorithmId}.`,
    );
}

/** RFC 5280, 4.2: what is critical and not known refuses; pkijs takes it. */
function requireKnownConditions({ node, pki }: ParsedCertificate): void {
  const unknown = pki.extensions?.find(({ critical, extnID }) => critical && !KNOWN_EXTENSIONS.has(extnID));
  if (unknown !== undefined)
    throw new Refused(
      "signer-untrusted",
      `The certificate ${quoted(node.subject)} has a condition, ${unknown.extnID}.`,
    );
}

/** RFC 5280, 4.2.1.3 and 4.2.1.12; pkijs looks at neither. */
function requireUsages([leaf, ...above]: readonly ParsedCertificate[], purpose: string | undefined): void {
  const keyUsage = leaf === undefined ? undefined : parsedExtension(leaf, KEY_USAGE);
  if (keyUsage instanceof BitString && ((keyUsage.valueBlock.valueHexView[0] ?? 0) & DIGITAL_SIGNATURE) === 0)
    throw new Refused("signer-untrusted", "The signer's certificate is not for signatures.");
  if (purpose === undefined) return;
  for (const certificate of [leaf, ...above.slice(0, -1)]) {
    const usages = certificate === undefined ? undefined : parsedExtension(certificate, EXTENDED_KEY_USAGE);
    if (usages instanceof ExtKeyUsage && !usages.keyPurposes.includes(purpose))
      throw new Refused(
        "signer-untrusted",
        `The certificate ${quoted(certificate?.node.subject)} is for other purposes.`,
      );
  }
}

function parsedExtension({ pki }: ParsedCertificate, id: string): unknown {
  return pki.extensions?.find(({ extnID }) => extnID === id)?.parsedValue;
}

/** RFC 5280, 4.2.1.9; pkijs does not look at it. */
function requirePathLengths(path: readonly ParsedCertificate[]): void {
  path.forEach((certificate, index) => {
    const constraints = parsedExtension(certificate, BASIC_CONSTRAINTS);
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
