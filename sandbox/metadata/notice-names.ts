export const NOTICE_NAMES = [
  ...(["spot-terminate", "spot-stop", "spot-hibernate", "rebalance", "maintenance"] as const),
  ...(["target-terminated", "preempted", "live-migration", "host-maintenance"] as const),
  ...(["preempt", "terminate", "redeploy", "reboot", "freeze"] as const),
] as const;

export type NoticeName = (typeof NOTICE_NAMES)[number];

/**
 * What a platform may announce to the sandbox's machine, and how long before by its documentation.
 */
export const NOTICES = {
  "spot-terminate": { of: "aws", inMs: 120_000 },
  "spot-stop": { of: "aws", inMs: 120_000 },
  "spot-hibernate": { of: "aws", inMs: 0 },
  rebalance: { of: "aws", inMs: 0 },
  maintenance: { of: "aws", inMs: 7 * 86_400_000 },
  "target-terminated": { of: "aws", inMs: 0 },
  preempted: { of: "gcp", inMs: 30_000 },
  "live-migration": { of: "gcp", inMs: 60_000 },
  "host-maintenance": { of: "gcp", inMs: 60_000 },
  preempt: { of: "azure", inMs: 30_000 },
  terminate: { of: "azure", inMs: 300_000 },
  redeploy: { of: "azure", inMs: 600_000 },
  reboot: { of: "azure", inMs: 900_000 },
  freeze: { of: "azure", inMs: 900_000 },
} as const satisfies Readonly<Record<NoticeName, { readonly of: string; readonly inMs: number }>>;
