import { PolicyInForce } from "../attestation/policy-in-force.ts";
import type { AttestationOptions } from "../control-plane/attestations.ts";
import type { AuditEntry } from "../control-plane/audit.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import type { StoodInKind } from "../metadata/kinds.ts";
import { writeSandboxPolicy } from "../metadata/sandbox-policy.ts";
import type { StandIns } from "../metadata/stand-ins.ts";

/** Platforms that speak for the sandbox's machine, and the control plane's policy that takes it. */
export interface StandInEvidence {
  readonly kind: StoodInKind;
  readonly standIns: StandIns;
  readonly attestation: AttestationOptions;
  /** Hears why evidence was refused. */
  readonly onAudit: (entry: AuditEntry) => void;
}

/** Writes the policy into `dir`, and takes it as any control plane takes one of a file. */
export async function standInEvidence(options: {
  readonly dir: string;
  readonly kind: StoodInKind;
  readonly ref: ProjectRef;
  readonly standIns: StandIns;
  readonly onAudit: (entry: AuditEntry) => void;
}): Promise<StandInEvidence> {
  const { dir, kind, ref, standIns, onAudit } = options;
  const file = await writeSandboxPolicy(dir, kind, ref, standIns);
  return { kind, standIns, onAudit, attestation: await PolicyInForce.open(file, standIns.fetch) };
}
