import type { BootChapter } from "../../core/boot-chapters.ts";
import type { DebugStatus } from "../../core/debug/grant.ts";
import type { FirstAssignment } from "../../core/desired-state.ts";
import { IDLE_RELIEF } from "../../core/disk-relief.ts";
import type { TerminalsEnd } from "../../core/drain.ts";
import type { EndOrder } from "../../core/end-orders.ts";
import type { EndingAt } from "../../core/ending-progress.ts";
import { sameData } from "../../core/equality.ts";
import type { CheckResult } from "../../core/health.ts";
import type { Known } from "../../core/known.ts";
import type { TakenStep } from "../../core/observed-ending.ts";
import type { ObservedState } from "../../core/observed-state.ts";
import type { Phase } from "../../core/phase.ts";
import { NO_STEP } from "../../core/step-trial.ts";
import type { Trouble } from "../../core/troubles.ts";
import type { FrozenBuilds, GatewayCounts } from "../../core/views.ts";
import { NO_BUILDKIT, NO_GATEWAY, NO_PLANE } from "../../core/views.ts";
import { Cell } from "../../lifecycle/cell.ts";
import { Pulse } from "../../lifecycle/pulse.ts";
import type { MachineIdentity, SigningRequest } from "../../ports/keys.ts";

type Cells<T> = { readonly [K in keyof T]: Cell<T[K]> };

/** What chapters share beside what checks look at. */
interface Shared {
  readonly phase: Phase;
  /** Who we are to the control plane; undefined until it is known. */
  readonly identity: MachineIdentity | undefined;
  readonly firstAssignment: FirstAssignment;
  /** The last renewal in this boot that counts for the next one, also one of an earlier process. */
  readonly renewedMonoMs: number | undefined;
  /** Of the gateway's newest key. */
  readonly servingRequest: SigningRequest | undefined;
  readonly checks: readonly CheckResult[];
  readonly bootChapters: readonly BootChapter[];
  readonly debugTerminals: readonly DebugStatus[];
  /** When they end, because the machine does; undefined while it does not. */
  readonly terminalsEnd: TerminalsEnd | undefined;
  /** Recordings that the control plane has not stored whole, those still being made included. */
  readonly recordingsWaiting: number;
  /** Every order to end, in the order of their coming. */
  readonly endOrders: readonly EndOrder[];
  readonly frozen: FrozenBuilds;
  /** Where the ending is; undefined before it begins. */
  readonly endingAt: EndingAt | undefined;
  /** What of it is over. */
  readonly endingSteps: readonly TakenStep[];
  readonly observed: ObservedState | undefined;
  /** The last ones, oldest first. */
  readonly troubles: readonly Trouble[];
  /** What the control plane was last told. */
  readonly reported: ObservedState | undefined;
  /** A pulse, not a state: nothing waits for its change. */
  readonly gatewayCounts: GatewayCounts;
  /** How late the gateway's event loop was lately, p99 in ms; undefined: it has not told. */
  readonly gatewayDelay: number | undefined;
}

/** The one board: a cell for each thing that is known. Chapters take a `Pick` of it. */
export type Board = Cells<Known & Shared> & {
  /** Somebody asks to try the control plane now. */
  readonly retryNow: Pulse;
  /** A try at the control plane has failed: `plane` says why. */
  readonly tryFailed: Pulse;
};

/** Nothing is known yet. A value that says the same as the one before it is no change. */
export function newBoard(retryNow = new Pulse()): Board {
  return {
    retryNow,
    tryFailed: new Pulse(),
    desired: new Cell<Known["desired"]>(undefined),
    plane: new Cell<Known["plane"]>(NO_PLANE, sameData),
    gateway: new Cell<Known["gateway"]>(NO_GATEWAY, sameData),
    cache: new Cell<Known["cache"]>({ at: "waiting" }, sameData),
    cacheFilesystem: new Cell<Known["cacheFilesystem"]>({ at: "unknown" }, sameData),
    network: new Cell<Known["network"]>({ at: "waiting" }, sameData),
    isolation: new Cell<Known["isolation"]>({ at: "unverified" }, sameData),
    tailnet: new Cell<Known["tailnet"]>({ at: "unknown" }, sameData),
    buildkit: new Cell<Known["buildkit"]>(NO_BUILDKIT, sameData),
    step: new Cell<Known["step"]>(NO_STEP, sameData),
    certificates: new Cell<Known["certificates"]>({ lastRenewalError: "" }, sameData),
    resources: new Cell<Known["resources"]>(undefined),
    relief: new Cell<Known["relief"]>(IDLE_RELIEF, sameData),
    records: new Cell<Known["records"]>(undefined, sameData),
    recordings: new Cell<Known["recordings"]>(undefined, sameData),
    runtime: new Cell<Known["runtime"]>(undefined, sameData),
    bundles: new Cell<Known["bundles"]>(undefined, sameData),
    refusals: new Cell<Known["refusals"]>(undefined, sameData),
    units: new Cell<Known["units"]>({ at: "unknown" }, sameData),
    traces: new Cell<Known["traces"]>({ at: "waiting" }, sameData),
    notices: new Cell<Known["notices"]>({ at: "looking" }, sameData),
    phase: new Cell<Phase>({ at: "starting" }, sameData),
    identity: new Cell<Shared["identity"]>(undefined),
    firstAssignment: new Cell<FirstAssignment>({ at: "looking" }, sameData),
    renewedMonoMs: new Cell<Shared["renewedMonoMs"]>(undefined),
    servingRequest: new Cell<Shared["servingRequest"]>(undefined),
    checks: new Cell<Shared["checks"]>([]),
    bootChapters: new Cell<Shared["bootChapters"]>([]),
    debugTerminals: new Cell<Shared["debugTerminals"]>([], sameData),
    terminalsEnd: new Cell<Shared["terminalsEnd"]>(undefined, sameData),
    recordingsWaiting: new Cell(0),
    endOrders: new Cell<Shared["endOrders"]>([]),
    frozen: new Cell<FrozenBuilds>({ at: "none" }, sameData),
    endingAt: new Cell<Shared["endingAt"]>(undefined),
    endingSteps: new Cell<Shared["endingSteps"]>([]),
    observed: new Cell<Shared["observed"]>(undefined),
    troubles: new Cell<Shared["troubles"]>([], sameData),
    reported: new Cell<Shared["reported"]>(undefined),
    gatewayDelay: new Cell<Shared["gatewayDelay"]>(undefined),
    gatewayCounts: new Cell<GatewayCounts>({ accepted: 0, refused: 0, waiting: 0 }, sameData),
  };
}
