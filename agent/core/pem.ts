const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM bundle, one block each, in order. Text between blocks is allowed (RFC
 * 7468, section 2). Undefined if there is none, if a block is broken, or if the bundle holds
 * anything other than certificates.
 */
export function pemCertificates(bundle: string): readonly string[] | undefined {
  const blocks = bundle.match(CERTIFICATE) ?? [];
  const begun = bundle.split("-----BEGIN ").length - 1;
  const ended = bundle.split("-----END ").length - 1;
  return blocks.length > 0 && blocks.length === begun && blocks.length === ended ? blocks : undefined;
}
