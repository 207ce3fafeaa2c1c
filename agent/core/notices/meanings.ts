import type { NoticeKind } from "./notice.ts";

interface Meaning {
  /** For a person, after "The platform says: ". */
  readonly says: string;
  /** This machine is gone afterwards, or all that it runs: it has to end in order before. */
  readonly ends: boolean;
  /**
   * How long there is at least, and for "mostMs" at most, by the platform's documentation. The
   * first counts where the notice has no time.
   */
  readonly leastMs?: number;
  readonly mostMs?: number;
}

/**
 * Sources: the EC2 user guide, "Spot Instance interruption notices", "rebalance recommendations",
 * "Scheduled events", and EC2 Auto Scaling's, "Retrieve the target lifecycle state"; Compute
 * Engine's documentation, "Spot VMs" and "Query metadata server for maintenance event notices";
 * Azure's, "Scheduled Events". A rebalance recommendation is no ending: who takes it for one loses
 * machines that would have gone on for hours (docs/decisions/0070-…).
 */
export const MEANINGS: Readonly<Record<NoticeKind, Meaning>> = {
  "aws-spot-terminate": { says: "EC2 takes this spot instance back", ends: true, mostMs: 120_000 },
  "aws-spot-stop": { says: "EC2 stops this spot instance", ends: true, mostMs: 120_000 },
  // It begins at once: what is in memory, keys included, is about to be written to a disk.
  "aws-spot-hibernate": { says: "EC2 hibernates this spot instance", ends: true, mostMs: 0 },
  "aws-target-terminated": { says: "The Auto Scaling group terminates this instance", ends: true },
  "aws-rebalance": { says: "EC2 sees a raised risk that this spot instance is taken back", ends: false },
  "aws-maintenance": { says: "EC2 has scheduled maintenance of this instance", ends: false },
  "gcp-preempted": { says: "Compute Engine preempts this machine", ends: true, leastMs: 30_000 },
  "gcp-host-maintenance": {
    says: "Compute Engine stops this machine for its host's maintenance",
    ends: true,
    leastMs: 60_000,
  },
  "gcp-live-migration": {
    says: "Compute Engine moves this machine to another host while it runs",
    ends: false,
    leastMs: 60_000,
  },
  "azure-preempt": { says: "Azure takes this spot machine back", ends: true, leastMs: 30_000 },
  "azure-terminate": { says: "Azure deletes this machine", ends: true, leastMs: 300_000 },
  "azure-redeploy": {
    says: "Azure moves this machine to another host, without its local disks",
    ends: true,
    leastMs: 600_000,
  },
  "azure-reboot": { says: "Azure restarts this machine", ends: true, leastMs: 900_000 },
  "azure-freeze": { says: "Azure pauses this machine for some seconds", ends: false, leastMs: 900_000 },
  "azure-other": { says: "Azure announces something that this agent does not know", ends: false },
};
