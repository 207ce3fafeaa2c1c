import type { Fetch } from "../../verifier/src/index.ts";
import type { AttestationOptions } from "./attestations.ts";
import type { AuditEntry } from "./audit.ts";
import type { Method } from "./faults.ts";

/** All times in milliseconds. What is absent has the default that is named. */
export interface ControlPlaneOptions {
  /** Default "127.0.0.1". */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /**
   * DNS names and IP addresses in its own certificate, beside those of this machine's loopback.
   * Default: none.
   */
  readonly names?: readonly string[];
  /** Of its authorities, and of its own certificate; default 1 day. */
  readonly authorityLifetimeMs?: number;
  /** Of builds and machines; default "builds.sandbox.internal". */
  readonly trustDomain?: string;
  /** What an OIDC token must be for; default "builder-control-plane.sandbox.internal". */
  readonly audience?: string;
  /** Kinds of evidence that are taken beside join_token and oidc_token; default: none. */
  readonly attestation?: AttestationOptions;
  /** Default 5 minutes, as the contract calls usual. */
  readonly nonceLifetimeMs?: number;
  /** Default 1 hour. Certificates count in whole seconds: the end is rounded up to one. */
  readonly machineCertificateLifetimeMs?: number;
  /** Default 1 hour; likewise. */
  readonly servingCertificateLifetimeMs?: number;
  /**
   * How long an instance stays a machine's after its last sign of life; default 90 seconds: an
   * agent may wait a minute before it attaches again.
   */
  readonly leaseMs?: number;
  /** Default 10 seconds; the contract allows 30. */
  readonly heartbeatMs?: number;
  /** How long a change waits to be applied by the machine; default 15 seconds. */
  readonly applyDeadlineMs?: number;
  /**
   * How long after its end connections may take to go before they count as leaked; default 5
   * seconds.
   */
  readonly leakDeadlineMs?: number;
  /** How the keys of CI systems are fetched; default: Node's own. */
  readonly fetch?: Fetch;
  /** Added to this process's clock: a control plane whose clock is off. Default 0. */
  readonly clockOffsetMs?: number;
  /** Called when a call arrives, whatever becomes of it. Default: nobody counts. */
  readonly onCall?: (method: Method) => void;
  /** Called for each new entry of the audit. Default: it is only kept. */
  readonly onAudit?: (entry: AuditEntry) => void;
}

export type Settings = Required<ControlPlaneOptions>;

export function withDefaults(options: ControlPlaneOptions): Settings {
  return {
    host: "127.0.0.1",
    port: 0,
    names: [],
    authorityLifetimeMs: 24 * 60 * 60_000,
    trustDomain: "builds.sandbox.internal",
    audience: "builder-control-plane.sandbox.internal",
    attestation: { accept: {}, entitle: () => undefined },
    nonceLifetimeMs: 5 * 60_000,
    machineCertificateLifetimeMs: 60 * 60_000,
    servingCertificateLifetimeMs: 60 * 60_000,
    leaseMs: 90_000,
    heartbeatMs: 10_000,
    applyDeadlineMs: 15_000,
    leakDeadlineMs: 5_000,
    fetch,
    clockOffsetMs: 0,
    onCall: () => undefined,
    onAudit: () => undefined,
    ...options,
  };
}
