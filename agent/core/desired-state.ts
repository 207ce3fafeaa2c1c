import type { CloseReason, Grant } from "./allow-set.ts";
import type { DebugGrantWish } from "./debug/grant.ts";
import { sameData } from "./equality.ts";
import type { EgressPolicy } from "./network/order.ts";
import { differingFields } from "./same-content.ts";
import type { Secret } from "./secret.ts";
import type { TailnetWish } from "./tailnet/wish.ts";
import type { OrderedTraces } from "./traces/target.ts";

/** What the control plane wants of this machine, already checked: every value is right. */
export interface DesiredState {
  /** Counts up within `epoch`. */
  readonly revision: bigint;
  readonly epoch: string;
  /** The control plane's clock; absent if it does not say. */
  readonly sentAtMs?: number;
  /** How soon it says this again though nothing has changed; absent if it does not say. */
  readonly heartbeatMs?: number;
  readonly trust: TrustBundle;
  readonly assignment: Assignment;
  readonly grants: ReadonlyMap<string, Grant>;
  readonly closed: ReadonlyMap<string, CloseReason>;
  readonly buildkit: BuildkitSettings;
  /** Absent: as this machine is configured. */
  readonly cacheVolume?: CacheVolumeWish;
  /** Absent: this machine is to be a node of no tailnet. */
  readonly tailnet?: TailnetWish;
  readonly egress: EgressPolicy;
  readonly drain?: DrainOrder;
  /** Who may have a terminal on this machine. */
  readonly debugGrants: readonly DebugGrantWish[];
  /** Absent: none. */
  readonly diagnostics?: readonly DiagnosticsWish[];
  /** Where a machine that says nothing of its own sends spans. Absent: nowhere. */
  readonly traces?: OrderedTraces;
  /**
   * What it asks for beside builds, by capability name. One that this agent lacks is reported as a
   * condition, never a failure.
   */
  readonly asksFor: readonly string[];
}

export interface TrustBundle {
  readonly trustDomain: string;
  /** PEM, one certificate each; at least one. */
  readonly buildCas: readonly string[];
}

export interface Assignment {
  readonly orgId: string;
  readonly projectId: string;
  readonly architecture: string;
  /** DER SubjectPublicKeyInfo: a debug grant needs this key's signature. Absent: none does. */
  readonly debugGrantKey?: Uint8Array;
}

/** What is known of the assignment that this boot heard first, also before this process began. */
export type FirstAssignment =
  | { readonly at: "looking" }
  /** None is kept: what comes next is the first. */
  | { readonly at: "none" }
  | { readonly at: "kept"; readonly assignment: Assignment }
  /** What is kept cannot be read, or it cannot be kept. */
  | { readonly at: "lost" };

/** Zero: the agent's own default, from the real disk. */
export interface BuildkitSettings {
  readonly reservedSpaceBytes: number;
  readonly maxUsedSpaceBytes: number;
  readonly minFreeSpaceBytes: number;
  readonly maxParallelism: number;
  readonly registryMirrors: ReadonlyMap<string, readonly string[]>;
  /** Of records of past builds. */
  readonly historyMaxAgeMs: number;
  /** Of each of a step's two streams. */
  readonly stepLogMaxBytes: number;
  readonly stepLogMaxBytesPerSecond: number;
}

/**
 * As it was asked for: only its shape is checked. What cannot be done of it is told by the cache's
 * own check.
 */
export interface CacheVolumeWish {
  readonly volumeId: string;
  /** Absent: as configured. */
  readonly device?: string;
  /** Absent: as configured. */
  readonly filesystem?: string;
  readonly key: CacheKeyWish;
}

export type CacheKeyWish =
  | { readonly kind: "per-boot" }
  | { readonly kind: "given"; readonly key: Secret<Uint8Array> }
  | ({ readonly kind: "wrapped" } & WrappedKey)
  | { readonly kind: "none" };

/** A key that only a KMS can unwrap. */
export interface WrappedKey {
  readonly provider: string;
  readonly keyId: string;
  readonly ciphertext: Uint8Array;
  readonly encryptionContext: Readonly<Record<string, string>>;
}

/** A bundle that the control plane asks for, once. */
export interface DiagnosticsWish {
  readonly requestId: string;
  readonly expiresAtMs: number;
}

export interface DrainOrder {
  readonly reason: string;
  readonly graceMs: number;
}

export type Acceptance =
  | { readonly accepted: true; readonly repeat: boolean }
  | { readonly accepted: false; readonly because: string };

/**
 * Whether a new desired state follows the one in force.
 * - The same revision with the same content confirms the view.
 * - The same revision with other content is refused: it neither takes effect nor confirms, for
 *   nobody could tell which of the two is meant.
 * - A lower revision of the same epoch is a straggler.
 * - Another epoch starts the count anew.
 * - Another assignment is never right within one boot.
 */
export function follows(next: DesiredState, inForce: DesiredState | undefined, first?: Assignment): Acceptance {
  const a = inForce?.assignment ?? first;
  if (a === undefined) return { accepted: true, repeat: false };
  const { assignment: b } = next;
  if (a.orgId !== b.orgId || a.projectId !== b.projectId || a.architecture !== b.architecture) {
    return {
      accepted: false,
      because: `assigned to ${name(b)}, but this boot belongs to ${name(a)}`,
    };
  }
  if (!sameData(a.debugGrantKey, b.debugGrantKey))
    return { accepted: false, because: "assignment.debug_grant_key is another one than this boot began with" };
  if (inForce === undefined) return { accepted: true, repeat: false };
  if (next.epoch !== inForce.epoch || next.revision > inForce.revision) return { accepted: true, repeat: false };
  if (next.revision < inForce.revision) {
    return {
      accepted: false,
      because: `revision ${next.revision} is older than ${inForce.revision}, which is in force`,
    };
  }
  const differing = differingFields(next, inForce);
  if (differing.length === 0) return { accepted: true, repeat: true };
  return {
    accepted: false,
    because: `revision ${next.revision} came again with other content (${differing.join(", ")}): a change needs a higher revision`,
  };
}

function name(assignment: Assignment): string {
  return `${assignment.orgId}/${assignment.projectId} (${assignment.architecture})`;
}
