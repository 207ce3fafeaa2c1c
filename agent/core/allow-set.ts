import type { Permission } from "./calls.ts";
import type { Instant } from "./instant.ts";

/** A build that may have sessions on this machine. */
export interface Grant {
  readonly buildId: string;
  readonly orgId: string;
  readonly projectId: string;
  readonly expiresAtMs: number;
  /**
   * Lower-case hex of SHA-256 over the DER SubjectPublicKeyInfo; absent: any key that our CA
   * certified for this build.
   */
  readonly keySpkiSha256?: string;
  /** What its sessions may ask of BuildKit, in a fixed order; absent: `USUAL_PERMISSIONS`. */
  readonly permissions?: readonly Permission[];
  /**
   * Builds of one take files of each other's clients for theirs where length, mode and time are
   * alike; absent: no other build's.
   */
  readonly contextGroup?: string;
}

/** Of the control plane's. A build that it has opened is "kept-out" by a machine that drains. */
export type CloseReason = "ended" | "revoked";

/** Whether builds are let in at all. Sessions that are open are not touched by it. */
export type Admission =
  | { readonly at: "open" }
  /** For instance: BuildKit does not answer, or the disk is full. */
  | { readonly at: "closed"; readonly because: string };

/** All that the gateway needs to decide. Whole each time: what is absent is forbidden. */
export interface AllowSet {
  readonly revision: bigint;
  readonly epoch: string;
  readonly trustDomain: string;
  /** PEM, one certificate each. */
  readonly buildCas: readonly string[];
  readonly grants: ReadonlyMap<string, Grant>;
  /** To tell only: why a build has no grant (any more). */
  readonly closed: ReadonlyMap<string, CloseReason | "kept-out">;
  readonly admission: Admission;
  /** When the control plane last confirmed this view. */
  readonly confirmedAt: Instant;
}

/** DESIGN: nothing new is let in after the view is 5 minutes old. */
export const VIEW_MAX_AGE_MS = 5 * 60_000;
