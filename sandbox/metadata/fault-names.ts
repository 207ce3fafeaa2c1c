/** What a person may order, beside a status such as 429. */
export const FAULT_NAMES = [
  ...(["hang", "reset", "truncated", "halved", "page", "wrong-type", "stale", "drip", "flood", "noise"] as const),
  ...(["redirect", "v1-only", "hop-limit", "expired-token", "clock-offset"] as const),
] as const;

export type FaultName = (typeof FAULT_NAMES)[number];
