import type { CertificatesView } from "../../core/views.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ControlPlane } from "../../ports/control-plane.ts";
import type { Gateway } from "../../ports/gateway.ts";
import type { CertificateReader, IdentityStore, KeyMaker } from "../../ports/keys.ts";
import type { Log } from "../../ports/log.ts";
import type { Meters } from "../../ports/meters.ts";
import type { Board } from "../board/board.ts";

export interface CertificatePorts {
  readonly plane: ControlPlane;
  readonly keys: KeyMaker;
  readonly certificates: CertificateReader;
  readonly identityStore: IdentityStore;
  readonly gateway: Gateway;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
}

export type CertificateCells = Pick<
  Board,
  "identity" | "servingRequest" | "gateway" | "certificates" | "renewedMonoMs" | "retryNow" | "plane"
>;

/** What is to be renewed. */
export interface Due {
  readonly machine: boolean;
  /** A fresh key is to be made first. */
  readonly serving: boolean;
}

/** What failed before is over. */
export function renewed({ failing: _, ...view }: CertificatesView): CertificatesView {
  return { ...view, lastRenewalError: "" };
}
