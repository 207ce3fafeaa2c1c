import type { Instant } from "../instant.ts";

export type PlatformName = "aws" | "gcp" | "azure";

/** What a platform may tell a machine that it is about to do to it. */
export type NoticeKind =
  | "aws-spot-terminate"
  | "aws-spot-stop"
  | "aws-spot-hibernate"
  | "aws-target-terminated"
  | "aws-rebalance"
  | "aws-maintenance"
  | "gcp-preempted"
  | "gcp-host-maintenance"
  | "gcp-live-migration"
  | "azure-preempt"
  | "azure-terminate"
  | "azure-redeploy"
  | "azure-reboot"
  | "azure-freeze"
  | "azure-other";

/** One notice, as its platform gives it. */
export interface Notice {
  readonly kind: NoticeKind;
  /** The platform's name for it; absent where it has none. */
  readonly id?: string;
  /** How long until it happens, by the platform's own clock when it was asked. 0: it happens. */
  readonly leftMs?: number;
  /** When it happens, as the platform says it, Unix ms: what two looks have in common. */
  readonly atMs?: number;
  /** The platform's own words for it. */
  readonly words?: string;
  /** It may go ahead as soon as we say so: nobody but this machine is concerned. */
  readonly mayBeAcknowledged?: true;
}

/** A notice, and when this machine heard of it first. */
export interface HeardNotice extends Notice {
  readonly heardAt: Instant;
  /** When it happens, by this machine's clocks. Absent: the platform does not say. */
  readonly dueAt?: Instant;
}
