/** Kinds of evidence that somebody stands in for here, by the agent's names: docs/identity.md. */
export const EVIDENCE_KINDS = [
  ...(["join-token", "auto", "aws-web-identity", "aws-caller-identity", "aws-instance-identity"] as const),
  ...(["gcp", "azure", "nitro-tpm", "oidc-socket", "oidc-url", "oidc-token"] as const),
] as const;

export type EvidenceKindName = (typeof EVIDENCE_KINDS)[number];

/** For these a platform is needed. */
export type StoodInKind = Exclude<EvidenceKindName, "join-token">;
