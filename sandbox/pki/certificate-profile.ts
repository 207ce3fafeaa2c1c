import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** Extended key usages, RFC 5280 section 4.2.1.12. */
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/**
 * What a certificate says. Whatever is asked for is signed, right or wrong: it is the tests'
 * business to ask for what is wrong.
 */
export interface CertificateProfile {
  /** Common name of the subject; default "certificate". */
  readonly name?: string;
  readonly uriSans?: readonly string[];
  readonly dnsSans?: readonly string[];
  readonly ipSans?: readonly string[];
  /**
   * Whole seconds: what X.509 can say; milliseconds are cut off. Default: one minute ago, for
   * clocks that differ.
   */
  readonly notBefore?: Date;
  /** As `notBefore`. Default: one hour from now. */
  readonly notAfter?: Date;
  /** OIDs; empty leaves the extension out. Default: client authentication. */
  readonly extendedKeyUsage?: readonly string[];
  /** Default false. */
  readonly isCa?: boolean;
  /** For a CA: how many CAs may follow. */
  readonly pathLength?: number;
  /** Hex; default 16 random bytes. */
  readonly serial?: string;
}

const DEFAULT_LIFETIME_MS = 60 * 60_000;
const CLOCK_TOLERANCE_MS = 60_000;

export function validity(profile: CertificateProfile): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: profile.notBefore ?? new Date(Date.now() - CLOCK_TOLERANCE_MS),
    notAfter: profile.notAfter ?? new Date(Date.now() + DEFAULT_LIFETIME_MS),
  };
}

/**
 * BasicConstraints, KeyUsage, ExtendedKeyUsage and SubjectAlternativeName, each only where there is
 * something to say.
 */
export function extensions(profile: CertificateProfile): x509.Extension[] {
  const isCa = profile.isCa ?? false;
  const usages = profile.extendedKeyUsage ?? (isCa ? [] : [CLIENT_AUTH]);
  const names: x509.JsonGeneralNames = [
    ...(profile.uriSans ?? []).map((value) => ({ type: "url" as const, value })),
    ...(profile.dnsSans ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(profile.ipSans ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
  return [
    new x509.BasicConstraintsExtension(isCa, profile.pathLength, true),
    new x509.KeyUsagesExtension(isCa ? keyCertSign | cRLSign | digitalSignature : digitalSignature, true),
    ...(usages.length > 0 ? [new x509.ExtendedKeyUsageExtension([...usages])] : []),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
}
