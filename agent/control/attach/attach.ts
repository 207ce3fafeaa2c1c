import { untilBeatMs } from "../../core/beat.ts";
import { inWords } from "../../core/errors.ts";
import { ageMs, type Instant, later } from "../../core/instant.ts";
import type { Boot } from "../../core/machine.ts";
import { MessagePace } from "../../core/message-pace.ts";
import { PlaneError } from "../../core/plane-status.ts";
import { clockAsCause, planeNowMs } from "../../core/plane-time.ts";
import { Branch, raceOn } from "../../lifecycle/branch.ts";
import type { LoopReport } from "../../lifecycle/loop-report.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ControlPlane, Hello } from "../../ports/control-plane.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import type { Log } from "../../ports/log.ts";
import type { Meters } from "../../ports/meters.ts";
import type { RecordStore } from "../../ports/records.ts";
import type { Board } from "../board/board.ts";
import type { Prove } from "../board/prove.ts";
import type { Refusals } from "../board/refusals.ts";
import { pauseBeforeReconnect } from "./pause.ts";
import { receive } from "./receive.ts";
import { reportObserved } from "./report.ts";
import { sendRecords } from "./send-records.ts";

/**
 * The contract: the control plane speaks at least every 30 s. Three times that, and the stream is
 * dead whatever TCP says.
 */
const SILENCE_MS = 90_000;
/**
 * Between looks at how long it was silent. The timers of a VM that was suspended slept as well: a
 * stream that died meanwhile is noticed this soon after it, by the wall clock.
 */
const LOOK_MS = 15_000;

export interface AttachPorts {
  readonly plane: ControlPlane;
  readonly records: RecordStore;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
}

export type AttachCells = Pick<
  Board,
  | "identity"
  | "desired"
  | "firstAssignment"
  | "plane"
  | "observed"
  | "reported"
  | "gateway"
  | "gatewayCounts"
  | "records"
  | "retryNow"
  | "tryFailed"
>;

/**
 * Keeps the one stream to the control plane. A stream that brought a desired state resets the
 * backoff; a new machine certificate moves over to a new stream at once. Where the control plane
 * does not know the certificate (any more), the machine proves itself anew. Ends with `signal`.
 * @throws {MachineRefused} when the control plane refuses this machine for good.
 */
export async function stayAttached(
  ports: AttachPorts,
  cells: AttachCells,
  boot: Boot,
  refusals: Refusals,
  prove: Prove,
  loop: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  await cells.firstAssignment.first(({ at }) => at !== "looking", signal);
  // For all streams: a new one is no new start.
  const pace = new MessagePace();
  for (let failures = 0; !signal.aborted; ) {
    const identity = await cells.identity.first((known) => known !== undefined, signal);
    if (identity === undefined) return;
    cells.plane.update(({ nextTryAt: _, ...view }) => view);
    const confirmedBefore = cells.plane.get().confirmedAt;
    const failure = await attachOnce({ ports, cells, refusals, pace }, identity, await hello(boot, cells), signal);
    ports.meters.planeAttached(false);
    if (signal.aborted) return;
    if (cells.plane.get().confirmedAt !== confirmedBefore) {
      failures = 0;
      loop.succeeded();
    }
    if (cells.identity.get() !== identity) continue;
    const isUnknown = failure instanceof PlaneError && failure.step === "new-evidence";
    const isExpired = (): boolean => identity.notAfterMs <= planeNowMs(cells.plane.get().time, ports.clock.now());
    const wasExpired = isExpired();
    const cause = isUnknown ? clockAsCause(cells.plane.get().time, ports.clock.now()) : "";
    const lastFailure =
      failure === undefined
        ? "the control plane closed the stream"
        : [inWords(failure), cause].filter(Boolean).join("; ");
    const isSilent = failure instanceof PlaneError && !failure.answered;
    cells.plane.update(({ recordsSentAt: _, ...view }) => ({ ...view, attached: false, lastFailure, isSilent }));
    cells.tryFailed.note();
    if (failure instanceof PlaneError) ports.meters.planeCallFailed("Attach", failure.status);
    refusals.judge(failure);
    const note = (retryInMs: number): void => {
      ports.log.warn({ err: failure, retryInMs }, "control-plane.detached");
      loop.failed(lastFailure, retryInMs);
      cells.plane.update((view) => ({ ...view, nextTryAt: later(ports.clock.now(), retryInMs) }));
    };
    await pauseBeforeReconnect(ports, cells, { failure, failures }, note, signal);
    failures += 1;
    // Another chapter may have been quicker; or its clock was set, and what it refused is good.
    const isNeedless = (): boolean => cells.identity.get() !== identity || (wasExpired && !isExpired());
    if (isUnknown && !isNeedless()) await prove(signal, isNeedless);
  }
}

async function hello({ bootId, runId, versions, capabilities }: Boot, cells: AttachCells): Promise<Hello> {
  const known = await versions;
  const gateway = cells.gateway.get();
  const lastAppliedRevision = (gateway.at === "here" ? gateway.applied?.revision : undefined) ?? 0n;
  return { bootId, runId, versions: known, capabilities, lastAppliedRevision };
}

interface Attaching {
  readonly ports: AttachPorts;
  readonly cells: AttachCells;
  readonly refusals: Refusals;
  readonly pace: MessagePace;
}

/** Returns why the stream ended; undefined if in good order. */
async function attachOnce(
  { ports, cells, refusals, pace }: Attaching,
  identity: MachineIdentity,
  greeting: Hello,
  outer: AbortSignal,
): Promise<unknown> {
  using branch = new Branch(outer);
  const stream = ports.plane.attach(identity, greeting, branch.signal);
  const heard = { at: ports.clock.now() };
  try {
    await raceOn(
      branch,
      (signal) => {
        const onMessage = (): void => {
          heard.at = ports.clock.now();
          refusals.heard();
        };
        return receive(ports, cells, { stream, pace }, onMessage, signal);
      },
      (signal) => reportObserved(ports, cells, stream, signal),
      (signal) => sendRecords(ports, cells, stream, signal),
      (signal) => listenForSilence(ports, heard, signal),
      (signal) => cells.identity.first((now) => now !== identity, signal),
    );
    return undefined;
  } catch (failure) {
    return failure;
  }
}

async function listenForSilence({ clock }: AttachPorts, heard: { at: Instant }, signal: AbortSignal): Promise<void> {
  for (;;) {
    const now = clock.now();
    const silentMs = ageMs(heard.at, now);
    if (signal.aborted) return;
    if (silentMs >= SILENCE_MS)
      throw new PlaneError("Attach", "UNAVAILABLE", `nothing was heard for ${SILENCE_MS / 1000} s`, {
        answered: false,
      });
    await clock.sleep(Math.min(SILENCE_MS - silentMs, untilBeatMs(now, LOOK_MS)), signal);
  }
}
