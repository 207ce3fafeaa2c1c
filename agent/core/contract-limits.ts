/**
 * The most that a desired state may have of anything: beside docs/control-plane.md, "Limits", which
 * says the same. Our own sockets carry the whole of it.
 */
export const CONTRACT_LIMITS = {
  /** One message on the wire. All that the limits below allow together is less than half of it. */
  messageBytes: 16 * 1024 * 1024,
  /**
   * Numbers that a message holds, lengths and the fields' own included: twice what all the limits
   * below allow. Each costs more memory than its bytes on the wire.
   */
  messageNumbers: 524_288,
  /** Of each text that has no limit of its own below. */
  textCharacters: 4_096,
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
  traceHeaders: 16,
  traceHeaderCharacters: 4_096,
  traceEndpointCharacters: 2_048,
  traceCaBytes: 65_536,
  /** BuildKit reads both as 32 bits with a sign. */
  stepLogBytes: 2_147_483_647,
} as const;

/** Of a debug grant and its terminal: `DebugGrant` and `DebugTerminalRequest` say the same. */
export const DEBUG_LIMITS = {
  /** From when the grant was given to the start of its terminal, and to its end. */
  startWithinMs: 15 * 60_000,
  totalMs: 4 * 60 * 60_000,
  idleMs: { least: 5_000, usual: 15 * 60_000 },
  graceMs: { most: 10 * 60_000, usual: 60_000 },
  commandWords: 64,
  /** All of them together. */
  commandCharacters: 4_096,
  /** What one side of a terminal may leave unacknowledged. */
  outputWindowBytes: 262_144,
  inputWindowBytes: 65_536,
  /** Of one message of a terminal. */
  bytesAtOnce: 32_768,
  /** Columns, or rows. */
  windowCells: 1_000,
  recordingChunkBytes: 131_072,
  /** A recording that grows beyond ends its terminal. */
  recordingBytes: 64 * 1024 * 1024,
} as const;
