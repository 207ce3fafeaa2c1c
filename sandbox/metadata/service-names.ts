/** Who is asked, for whatever kind of evidence. */
export const SERVICE_NAMES = ["imds", "sts", "gcp", "azure", "certificates", "fly", "token-url", "jwks"] as const;

export type ServiceName = (typeof SERVICE_NAMES)[number];
