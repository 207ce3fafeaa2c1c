import { fullJitterMs, RECONNECT } from "../core/backoff.ts";
import { type DesiredState, follows } from "../core/desired-state.ts";
import type { Boot } from "../core/machine.ts";
import type { ObservedState } from "../core/observed-state.ts";
import { PlaneError } from "../core/plane-status.ts";
import type { GatewayView, PlaneView, RecordCounts } from "../core/views.ts";
import { Branch, raceOn, within } from "../lifecycle/branch.ts";
import type { Cell } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlPlane, FromPlane, Hello, PlaneStream } from "../ports/control-plane.ts";
import type { MachineIdentity } from "../ports/keys.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";
import type { RecordStore } from "../ports/records.ts";

/** The contract: the control plane speaks at least every 30 s. Three times that, and the stream is dead whatever TCP says. */
const SILENCE_MS = 90_000;
/** The contract: observed state at least every 15 s; changes no closer together than this. */
const REPORT_EVERY_MS = 15_000;
const REPORT_GAP_MS = 20;
const RECORDS_AT_ONCE = 500;
/** Unacknowledged records are sent again after this. */
const RECORDS_AGAIN_MS = 30_000;

export interface AttachPorts {
  readonly plane: ControlPlane;
  readonly records: RecordStore;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
}

export interface AttachCells {
  readonly identity: Cell<MachineIdentity>;
  readonly desired: Cell<DesiredState | undefined>;
  readonly plane: Cell<PlaneView>;
  readonly observed: Cell<ObservedState | undefined>;
  /** What the control plane was last told. */
  readonly reported: Cell<ObservedState | undefined>;
  readonly gateway: Cell<GatewayView>;
  readonly recordCounts: Cell<RecordCounts>;
}

/**
 * Keeps the one stream to the control plane. A stream that brought a desired state resets the backoff; a new machine certificate moves
 * over to a new stream at once. Where the control plane does not know the certificate (any more), the machine proves itself anew.
 * @throws {PlaneError} when the control plane refuses this machine for good.
 */
export async function stayAttached(
  ports: AttachPorts,
  cells: AttachCells,
  boot: Boot,
  reRegister: (signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    const identity = cells.identity.get();
    const confirmedBefore = cells.plane.get().confirmedAt;
    const failure = await attachOnce(ports, cells, identity, await hello(boot, cells), signal);
    ports.meters.planeAttached(false);
    if (signal.aborted) return;
    if (cells.plane.get().confirmedAt !== confirmedBefore) failures = 0;
    if (cells.identity.get() !== identity) continue;
    const lastFailure = failure instanceof Error ? failure.message : "the control plane closed the stream";
    cells.plane.update((view) => ({ ...view, attached: false, lastFailure }));
    if (failure instanceof PlaneError) ports.meters.planeCallFailed("Attach", failure.status);
    if (failure instanceof PlaneError && failure.step === "end-agent") throw failure;
    const retryInMs = fullJitterMs(RECONNECT, failures, ports.clock.random());
    ports.log.warn({ err: failure, retryInMs }, "control-plane.detached");
    failures += 1;
    await ports.clock.sleep(retryInMs, signal);
    if (failure instanceof PlaneError && failure.step === "new-evidence") await reRegister(signal);
  }
}

async function hello({ bootId, runId, versions, capabilities }: Boot, cells: AttachCells): Promise<Hello> {
  const known = await versions;
  const lastAppliedRevision = cells.gateway.get().applied?.revision ?? 0n;
  return { bootId, runId, versions: known, capabilities, lastAppliedRevision };
}

/** Returns why the stream ended; undefined if in good order. */
async function attachOnce(
  ports: AttachPorts,
  cells: AttachCells,
  identity: MachineIdentity,
  greeting: Hello,
  outer: AbortSignal,
): Promise<unknown> {
  using branch = new Branch(outer);
  const stream = ports.plane.attach(identity, greeting, branch.signal);
  const heard = { atMonoMs: ports.clock.now().monoMs };
  try {
    await raceOn(
      branch,
      () => receive(ports, cells, stream, heard),
      (signal) => report(ports, cells, stream, signal),
      (signal) => sendRecords(ports, cells, stream, signal),
      (signal) => listenForSilence(ports, heard, signal),
      (signal) => cells.identity.first((now) => now !== identity, signal),
    );
    return undefined;
  } catch (failure) {
    return failure;
  }
}

async function receive(
  ports: AttachPorts,
  cells: AttachCells,
  stream: PlaneStream,
  heard: { atMonoMs: number },
): Promise<void> {
  for await (const message of stream.incoming) {
    heard.atMonoMs = ports.clock.now().monoMs;
    await take(ports, cells, message);
  }
}

async function take(ports: AttachPorts, cells: AttachCells, message: FromPlane): Promise<void> {
  switch (message.is) {
    case "desired":
      return takeDesired(ports, cells, message.state);
    case "malformed":
      return refuse(ports, cells, message.revision, message.because);
    case "records-ack":
      await ports.records.acknowledge(message.bootId, message.upToSequence);
      cells.recordCounts.set({ ...ports.records.counts });
      return;
    default:
      return message satisfies never;
  }
}

function takeDesired(ports: AttachPorts, cells: AttachCells, state: DesiredState): void {
  const acceptance = follows(state, cells.desired.get());
  if (!acceptance.accepted) return refuse(ports, cells, state.revision, acceptance.because);
  const now = ports.clock.now();
  if (!cells.plane.get().attached) ports.log.info({ revision: state.revision }, "control-plane.attached");
  ports.meters.planeAttached(true);
  if (!acceptance.repeat) {
    ports.log.info({ revision: state.revision, openBuilds: state.grants.size }, "desired-state.accepted");
    cells.desired.set(state);
  }
  const { messagesRefused } = cells.plane.get();
  const skew = state.sentAtMs === undefined ? {} : { clockSkewMs: now.wallMs - state.sentAtMs };
  cells.plane.set({ attached: true, confirmedAt: now, lastFailure: "", messagesRefused, ...skew });
}

function refuse(ports: AttachPorts, cells: AttachCells, revision: bigint, because: string): void {
  ports.log.warn({ revision, because }, "desired-state.refused");
  ports.meters.messageRefused("desired-state");
  cells.plane.update((view) => ({
    ...view,
    refused: { revision, because },
    messagesRefused: view.messagesRefused + 1,
  }));
}

async function report(ports: AttachPorts, cells: AttachCells, stream: PlaneStream, signal: AbortSignal): Promise<void> {
  let sent: ObservedState | undefined;
  while (!signal.aborted) {
    await within(ports.clock, REPORT_EVERY_MS, signal, (due) =>
      cells.observed.first((state) => state !== undefined && state !== sent, due),
    );
    const state = cells.observed.get();
    if (signal.aborted || state === undefined) continue;
    await stream.send({ is: "observed", state });
    sent = state;
    cells.reported.set(state);
    await ports.clock.sleep(REPORT_GAP_MS, signal);
  }
}

/** Sends what is new, a window at a time; what is not acknowledged in time goes out again. */
async function sendRecords(
  ports: AttachPorts,
  cells: AttachCells,
  stream: PlaneStream,
  signal: AbortSignal,
): Promise<void> {
  let sent = { bootId: "", upTo: 0n };
  while (!signal.aborted) {
    const before = cells.recordCounts.get();
    const batch = ports.records.pending(RECORDS_AT_ONCE);
    const fresh = batch?.records.filter((record) => batch.bootId !== sent.bootId || record.sequence > sent.upTo) ?? [];
    const last = fresh.at(-1);
    if (batch !== undefined && last !== undefined) {
      await stream.send({ is: "records", bootId: batch.bootId, records: fresh });
      sent = { bootId: batch.bootId, upTo: last.sequence };
    }
    const changed = await within(ports.clock, RECORDS_AGAIN_MS, signal, (again) =>
      cells.recordCounts.first((counts) => counts !== before, again),
    );
    if (changed === undefined) sent = { bootId: "", upTo: 0n };
  }
}

async function listenForSilence(ports: AttachPorts, heard: { atMonoMs: number }, signal: AbortSignal): Promise<void> {
  for (;;) {
    const silentMs = ports.clock.now().monoMs - heard.atMonoMs;
    if (signal.aborted) return;
    if (silentMs >= SILENCE_MS)
      throw new PlaneError("Attach", "UNAVAILABLE", `nothing heard for ${SILENCE_MS / 1000} s`);
    await ports.clock.sleep(SILENCE_MS - silentMs, signal);
  }
}
