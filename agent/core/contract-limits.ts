/**
 * The most that a desired state may have of anything: beside docs/control-plane.md, "Limits", which
 * says the same. Our own sockets carry the whole of it.
 */
export const CONTRACT_LIMITS = {
  /** One message on the wire. All that the limits below allow together is less than half of it. */
  messageBytes: 16 * 1024 * 1024,
  openBuilds: 4_096,
  closedBuilds: 16_384,
  buildCas: 64,
  /** All of them in PEM, with what stands between. */
  buildCasBytes: 262_144,
  allowedCidrs: 10_000,
  registries: 256,
  mirrorsPerRegistry: 16,
  /** Of a registry's or a mirror's host, its port and path included. */
  hostCharacters: 255,
  tailnetTags: 64,
  encryptionContextEntries: 64,
  debugGrants: 64,
  diagnosticsRequests: 64,
  /** BuildKit reads both as 32 bits with a sign. */
  stepLogBytes: 2_147_483_647,
} as const;
