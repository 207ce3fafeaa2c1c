import type { AgentEnding } from "../../agent/control/agent.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";

/** When something happened: by the machine's two clocks. */
export interface Moment {
  readonly monoMs: number;
  readonly wallMs: number;
}

/** Why a session ended, as the world knows it, whatever anybody says. */
export type SessionEnd =
  | "client"
  /** The gateway's orders do not name its build any more. */
  | "orders"
  | "expired"
  | "cut-all"
  /** Control had BuildKit stopped. */
  | "buildkit-stopped"
  /** BuildKit died of itself, or was not there. */
  | "buildkit-died"
  | "gateway-died";

/** What the gateway tells control of its sessions at this moment; "away": nothing. */
export type KnownSessions = "away" | "idle" | "busy";

/** Everything that the invariants may know: what happened at the ports and behind them. */
export type Fact =
  | { readonly is: "second" }
  | { readonly is: "control-started"; readonly bootId: string }
  | { readonly is: "control-killed" }
  | { readonly is: "control-ended"; readonly ending: AgentEnding }
  | { readonly is: "control-failed"; readonly because: string }
  | { readonly is: "spun" }
  /** The machine starts anew: nothing of it is left but its disks. */
  | { readonly is: "rebooted" }
  | { readonly is: "told-to-stop" }
  | { readonly is: "told-to-hurry" }
  | { readonly is: "build-granted"; readonly buildId: string; readonly expiresAtMs: number }
  | { readonly is: "build-over"; readonly buildId: string; readonly as: "ended" | "revoked" }
  /** A desired state reached the control process. */
  | {
      readonly is: "desired-arrived";
      readonly epoch: string;
      readonly revision: bigint;
      readonly granted: ReadonlySet<string>;
      readonly drainGraceMs?: number;
    }
  | { readonly is: "attached" }
  | { readonly is: "detached" }
  | { readonly is: "link"; readonly isUp: boolean }
  | {
      readonly is: "allow";
      readonly epoch: string;
      readonly revision: bigint;
      readonly granted: ReadonlySet<string>;
    }
  | { readonly is: "gateway-started" }
  | { readonly is: "session-opened"; readonly sessionId: string; readonly buildId: string; readonly isHeard: boolean }
  | {
      readonly is: "session-closed";
      readonly sessionId: string;
      readonly buildId: string;
      readonly by: SessionEnd;
      readonly isHeard: boolean;
    }
  /** The gateway tells of sessions that it has or had: control knows them from now. */
  | { readonly is: "sessions-told"; readonly open: readonly string[]; readonly closed: readonly string[] }
  /** The gateway was told to forget these. */
  | { readonly is: "sessions-acknowledged"; readonly sessionIds: readonly string[] }
  | { readonly is: "record-on-disk"; readonly sessionId: string; readonly what: "opened" | "closed" }
  | { readonly is: "record-dropped"; readonly sessionId: string }
  | { readonly is: "record-sent"; readonly bootId: string; readonly sequence: bigint; readonly sessionId: string }
  /** The control plane stored it. */
  | { readonly is: "record-delivered"; readonly bootId: string; readonly sequence: bigint; readonly sessionId: string }
  | { readonly is: "record-acknowledged"; readonly bootId: string; readonly upTo: bigint }
  /** How long a sync takes from now on; one that began before ends as it would have. */
  | { readonly is: "disk"; readonly syncMs: number; readonly isFull: boolean; readonly underWayMs: number }
  | { readonly is: "called"; readonly call: "GetChallenge" | "Register" | "RenewCertificates" | "Attach" }
  /** An answer without any mark of the control plane's own, as an intermediary may give it. */
  | { readonly is: "refused-unmarked"; readonly status: string }
  | { readonly is: "answered" }
  /** An answer or a refusal of the control plane told what its clock says. */
  | { readonly is: "time-told" }
  | { readonly is: "renewed" }
  /** For how long the certificate that it held was good by the control plane's clock; 0: not. */
  | { readonly is: "registered"; readonly goodForMs: number }
  | { readonly is: "reported"; readonly state: ObservedState }
  | { readonly is: "shown"; readonly state: ObservedState }
  | {
      readonly is: "hurt";
      readonly what: "buildkit-stopped" | "guard-moved" | "all-cut";
      readonly known: KnownSessions;
      readonly open: number;
    }
  | { readonly is: "buildkit"; readonly isUp: boolean }
  | { readonly is: "step"; readonly step: "unit-stopped" | "cache-closed" | "tailnet-left"; readonly failed?: boolean }
  | { readonly is: "cache"; readonly isOpen: boolean }
  | { readonly is: "tailnet"; readonly isJoined: boolean }
  | { readonly is: "queue"; readonly what: string; readonly size: number }
  /** No fault is in force any more. */
  | { readonly is: "calm" }
  /** Long enough after `calm` for everything to be right again. */
  | { readonly is: "settled"; readonly amiss: readonly string[] };
