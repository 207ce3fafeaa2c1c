import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stayAttached } from "../../agent/control/attach/attach.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { Refusals } from "../../agent/control/board/refusals.ts";
import type { Grant } from "../../agent/core/allow-set.ts";
import type { Boot } from "../../agent/core/machine.ts";
import { NOTHING_OBSERVED, type ObservedState } from "../../agent/core/observed-state.ts";
import { PlaneError } from "../../agent/core/plane-status.ts";
import type { NumberedRecord } from "../../agent/core/record-ledger.ts";
import { Queue } from "../../agent/lifecycle/queue.ts";
import type { ControlPlane, FromPlane, Hello, ToPlane } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import type { RecordStore } from "../../agent/ports/records.ts";
import { checkResult, desiredState, grant } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { here, loopBook, NO_METERS, notebook } from "./stand-ins.ts";

interface Stream {
  readonly identity: string;
  readonly hello: Hello;
  readonly sent: ToPlane[];
  say(message: FromPlane): void;
  fail(failure: Error): void;
  /** Closes it in good order. */
  end(): void;
}

const record = (sequence: number): NumberedRecord => ({ sequence: BigInt(sequence), summary: {} }) as NumberedRecord;
const sequences = (stream: Stream | undefined): string[] =>
  (stream?.sent ?? []).flatMap((message) =>
    message.is === "records" ? [message.records.map((one) => one.sequence).join(" ")] : [],
  );

describe("the stream to the control plane", () => {
  let clock: ManualClock;
  let stop: AbortController;
  let streams: Stream[];
  let pending: NumberedRecord[];
  /** To which boot they belong. */
  let bootId: string;
  /** What the store does with an acknowledgement. */
  let acknowledges: (upTo: bigint) => unknown;
  let proofs: number;
  /** What the control plane says its time is when it is asked for a challenge. */
  let planeMsAtProof: number | undefined;
  let log: ReturnType<typeof notebook>;
  let report: ReturnType<typeof loopBook>;
  /** Unix time. */
  /** "attached", "detached", "Attach UNAVAILABLE", "refused desired-state". */
  let metered: string[];
  let staying: Promise<void>;
  let cells: ReturnType<typeof newCells>;

  function newCells() {
    const board = newBoard();
    board.identity.set({ machineId: "m1" } as MachineIdentity); // only its name is asked
    board.firstAssignment.set({ at: "none" });
    board.gateway.set(here(board.gateway.get(), { applied: { revision: 6n, epoch: "e" } }));
    return board;
  }

  beforeEach(async () => {
    clock = new ManualClock();
    stop = new AbortController();
    streams = [];
    pending = [];
    bootId = "boot";
    proofs = 0;
    planeMsAtProof = undefined;
    log = notebook();
    report = loopBook();
    metered = [];
    const meters = {
      ...NO_METERS,
      planeAttached: (attached: boolean) => void metered.push(attached ? "attached" : "detached"),
      planeCallFailed: (call: string, status: string) => void metered.push(`${call} ${status}`),
      messageRefused: (kind: string) => void metered.push(`refused ${kind}`),
    };
    cells = newCells();
    acknowledges = (upTo) => {
      pending = pending.filter((one) => one.sequence > upTo);
      cells.records.set({ waiting: pending.length, dropped: 0 });
    };
    const plane = {
      attach(identity: MachineIdentity, hello: Hello, signal: AbortSignal) {
        const messages = new Queue<FromPlane | Error>();
        const sent: ToPlane[] = [];
        streams.push({
          identity: identity.machineId,
          hello,
          sent,
          say: (m) => messages.push(m),
          fail: (f) => messages.push(f),
          end: () => messages.close(),
        });
        async function* incoming(): AsyncGenerator<FromPlane> {
          for await (const message of messages.drain(signal)) {
            if (message instanceof Error) throw message;
            yield message;
          }
        }
        return { incoming: incoming(), send: async (message: ToPlane) => void sent.push(message) };
      },
    } as unknown as ControlPlane; // only attach() is asked here
    const records = {
      pending: (limit: number) => (pending.length === 0 ? undefined : { bootId, records: pending.slice(0, limit) }),
      acknowledge: (_boot: string, upTo: bigint) => acknowledges(upTo),
      get counts() {
        return { waiting: pending.length, dropped: 0 };
      },
    } as unknown as RecordStore; // the journal itself has its own tests
    staying = stayAttached(
      { plane, records, meters, clock, log },
      cells,
      { bootId: "boot", runId: "run" } as Boot,
      new Refusals(clock),
      async (_signal, unless) => {
        if (planeMsAtProof !== undefined) tell(planeMsAtProof);
        if (unless()) return true;
        proofs += 1;
        if (proofs === 1) return false;
        cells.identity.set({ machineId: "m1-again" } as MachineIdentity);
        return true;
      },
      report,
      stop.signal,
    );
    staying.catch(() => undefined);
    await settle();
  });

  afterEach(async () => {
    stop.abort();
    await staying.catch(() => undefined);
  });

  it("begins with who we are and what is in force", () => {
    expect(streams[0]?.hello).toMatchObject({ bootId: "boot", runId: "run", lastAppliedRevision: 6n });
  });

  it("brings the desired state, and each repeat confirms the view without touching it", async () => {
    const state = desiredState();
    streams[0]?.say({ is: "desired", state });
    await settle();
    const first = cells.plane.get().confirmedAt;
    await clock.advance(10_000);
    streams[0]?.say({ is: "desired", state: desiredState() });
    await settle();
    expect(cells.desired.get()).toBe(state);
    expect(cells.plane.get().confirmedAt?.monoMs).toBe((first?.monoMs ?? 0) + 10_000);
  });

  it("brings fifty builds that are opened at once to the chapters a few times, and in the end all of them", async () => {
    const heard: (number | undefined)[] = [];
    cells.desired.watch(() => heard.push(cells.desired.get()?.grants.size));
    const grants = new Map<string, Grant>();
    for (let count = 1; count <= 50; count += 1) {
      grants.set(`b${count}`, grant({ buildId: `b${count}` }));
      streams[0]?.say({ is: "desired", state: desiredState({ revision: BigInt(count), grants: new Map(grants) }) });
    }
    await settle();
    expect(heard.at(-1)).toBe(50);
    expect(heard.length).toBeLessThanOrEqual(3);
    expect(log.events.filter((event) => event === "desired-state.accepted").length).toBe(heard.length);
    heard.length = 0;
    for (let left = 49; left >= 0; left -= 1) {
      grants.delete(`b${left + 1}`);
      streams[0]?.say({
        is: "desired",
        state: desiredState({ revision: BigInt(100 - left), grants: new Map(grants) }),
      });
    }
    await settle();
    expect(heard.at(-1)).toBe(0);
    expect(heard.length).toBeLessThanOrEqual(3);
  });

  it("judges each of them by the one before it: what is refused among them changes nothing", async () => {
    const say = (revision: bigint): void => streams[0]?.say({ is: "desired", state: desiredState({ revision }) });
    say(7n);
    say(9n);
    streams[0]?.say({ is: "malformed", revision: 10n, because: "revision is missing" });
    say(8n);
    streams[0]?.say({ is: "desired", state: desiredState({ revision: 9n, grants: new Map() }) });
    await settle();
    expect(cells.desired.get()).toMatchObject({ revision: 9n });
    expect(cells.desired.get()?.grants.size).toBe(1);
    expect(cells.plane.get()).toMatchObject({ messagesRefused: 3, refused: { revision: 9n } });
  });

  it("takes what came last before it broke, and is away after it", async () => {
    streams[0]?.say({ is: "desired", state: desiredState({ revision: 7n }) });
    streams[0]?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await settle();
    expect(cells.desired.get()?.revision).toBe(7n);
    expect(cells.plane.get()).toMatchObject({ attached: false, confirmedAt: clock.now() });
    expect(log.events.slice(0, 3)).toEqual([
      "control-plane.attached",
      "desired-state.accepted",
      "control-plane.detached",
    ]);
  });

  it("takes a revocation at once, whatever the acknowledgement before it costs the disk", async () => {
    streams[0]?.say({ is: "desired", state: desiredState({ revision: 7n }) });
    await settle();
    // The port promises that this waits for no disk. A reader that waited for it all the same would
    // hang here.
    acknowledges = () => new Promise<void>(() => {});
    streams[0]?.say({ is: "records-ack", bootId: "boot", upToSequence: 1n });
    streams[0]?.say({ is: "desired", state: desiredState({ revision: 8n, grants: new Map() }) });
    await settle();
    expect(cells.desired.get()?.revision).toBe(8n);
  });

  it("keeps the last good state when a new one is malformed or a straggler, tells it, and does not call the view confirmed", async () => {
    streams[0]?.say({ is: "desired", state: desiredState({ revision: 7n }) });
    await settle();
    const { confirmedAt } = cells.plane.get();
    await clock.advance(1_000);
    streams[0]?.say({ is: "malformed", revision: 8n, because: "open_builds[0].expires_at is missing" });
    streams[0]?.say({ is: "desired", state: desiredState({ revision: 5n }) });
    await settle();
    expect(cells.desired.get()?.revision).toBe(7n);
    expect(metered).toEqual(["attached", "refused desired-state", "refused desired-state"]);
    expect(log.events.slice(2)).toEqual(["desired-state.refused", "desired-state.refused"]);
    expect(cells.plane.get()).toMatchObject({ messagesRefused: 2, refused: { revision: 5n }, confirmedAt });
  });

  it("that says more than can be read waits to be read; it is told once, and what was said last counts in the end", async () => {
    const last = 1_400n;
    for (let revision = 1n; revision <= last; revision += 1n)
      streams[0]?.say({ is: "desired", state: desiredState({ revision }) });
    await settle();
    const soFar = cells.desired.get()?.revision ?? 0n;
    expect(soFar).toBeGreaterThanOrEqual(1_000n);
    expect(soFar).toBeLessThan(last);
    expect(cells.plane.get().hastyAt).toEqual(clock.now());
    await clock.advance(30_000);
    expect(cells.desired.get()?.revision).toBe(last);
    // What the log's writer makes one line of.
    expect(log.events.filter((event) => event === "control-plane.hasty").length).toBeLessThanOrEqual(2);
  });

  it("of messages that this agent does not know is read at the same pace", async () => {
    let read = 0;
    for (let message = 0; message < 1_400; message += 1)
      streams[0]?.say(
        Object.defineProperty({ is: "other" as const }, "readMs", {
          get: () => {
            read += 1;
            return 0;
          },
        }),
      );
    await settle();
    expect(read).toBeLessThan(1_100);
    await clock.advance(30_000);
    expect(read).toBe(1_400);
  });

  it("tells whoever looks that it came and went, why, and when it is tried again", async () => {
    streams[0]?.say({ is: "desired", state: desiredState() });
    streams[0]?.say({ is: "desired", state: desiredState() });
    await settle();
    expect(log.events).toEqual(["control-plane.attached", "desired-state.accepted"]);
    streams[0]?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await settle();
    expect(cells.plane.get().attached).toBe(false);
    expect(log.events.slice(2)).toEqual(["control-plane.detached"]);
    expect(metered).toEqual(["attached", "attached", "detached", "Attach UNAVAILABLE"]);
    expect(cells.plane.get().nextTryAt?.wallMs).toBeGreaterThanOrEqual(clock.now().wallMs);
    expect(report.told).toEqual(["succeeded", expect.stringMatching(/restarting, again in 500 ms$/)]);
    const { wallMs } = clock.now();
    expect(cells.plane.get()).toMatchObject({ isSilent: false, nextTryAt: { wallMs: wallMs + 500 } });
    await clock.advance(500);
    expect(cells.plane.get().nextTryAt).toBeUndefined();
  });

  it("that the control plane closes in good order is lost, too, and comes back", async () => {
    streams[0]?.end();
    await settle();
    expect(cells.plane.get()).toMatchObject({ lastFailure: "the control plane closed the stream" });
    await clock.advance(500);
    expect(streams).toHaveLength(2);
  });

  it("that ends with this process is no failure, and nothing more is sent over it", async () => {
    cells.observed.set(NOTHING_OBSERVED);
    streams[0]?.say({ is: "desired", state: desiredState() });
    await clock.advance(1_000);
    const sent = streams[0]?.sent.length;
    stop.abort();
    await staying;
    await clock.advance(60_000);
    expect(streams[0]?.sent.length).toBe(sent);
    expect(streams).toHaveLength(1);
    expect(cells.plane.get().attached).toBe(true);
    expect(log.events).not.toContain("control-plane.detached");
  });

  it("reports nothing before anything was observed", async () => {
    await clock.advance(60_000);
    expect(streams[0]?.sent).toEqual([]);
  });

  it("comes back after a failure, and counts its patience anew once it was heard", async () => {
    streams[0]?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await settle();
    expect(cells.plane.get()).toMatchObject({ attached: false });
    expect(cells.plane.get().lastFailure).toContain("restarting");
    await clock.advance(500);
    expect(streams).toHaveLength(2);
    streams[1]?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await clock.advance(749);
    expect(streams).toHaveLength(2);
    await clock.advance(1);
    streams[2]?.say({ is: "desired", state: desiredState() });
    await settle();
    streams[2]?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await clock.advance(500);
    expect(streams).toHaveLength(4);
    expect(proofs).toBe(0);
  });

  /**
   * The next streams fail until this many more were opened; gives how long each was waited for, in
   * seconds.
   */
  async function pauses(count: number): Promise<readonly number[]> {
    const waited: number[] = [];
    for (const until = streams.length + count; streams.length < until; ) {
      const before = streams.length;
      const sinceMs = clock.now().monoMs;
      streams.at(-1)?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
      while (streams.length === before) await clock.advance(500);
      waited.push((clock.now().monoMs - sinceMs) / 1_000);
    }
    return waited;
  }

  it("comes back within 30 s each time while no view was ever confirmed", async () => {
    // With the stand-in's dice, half of each ceiling.
    expect(await pauses(11)).toEqual([0.5, 1, 1.5, 2, 3, 4, 6, 9, 13, 15, 15]);
  });

  it("takes its time while the view is young, and comes back within 30 s each time once it is old", async () => {
    streams[0]?.say({ is: "desired", state: desiredState() });
    await settle();
    expect(await pauses(12)).toEqual([0.5, 1, 1.5, 2, 3, 4, 6, 9, 13, 19.5, 29, 30]);
    // The view is 118.5 s old. Once it is 298.5 s old no pause reaches further than 30 s beyond the
    // moment when it is too old.
    expect(await pauses(8)).toEqual([30, 30, 30, 30, 30, 30, 16, 15]);
  });

  it("comes back within 30 s when a client is turned away for want of a newer view, whatever pause was begun", async () => {
    streams[0]?.say({ is: "desired", state: desiredState() });
    await settle();
    await pauses(11);
    streams.at(-1)?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await clock.advance(5_000);
    // Refused for another reason: its build does not wait.
    cells.gatewayCounts.set({ accepted: 0, refused: 1, waiting: 0 });
    await clock.advance(5_000);
    expect(streams).toHaveLength(12);
    cells.gatewayCounts.set({ accepted: 0, refused: 2, waiting: 1 });
    await clock.advance(14_999);
    expect(streams).toHaveLength(12);
    await clock.advance(1);
    expect(streams).toHaveLength(13);
  });

  it("comes back no sooner than the control plane asked for, whoever waits, and with its jitter on top", async () => {
    streams[0]?.fail(new PlaneError("Attach", "RESOURCE_EXHAUSTED", "too many", { retryAfterMs: 20_000 }));
    await clock.advance(1_000);
    cells.gatewayCounts.set({ accepted: 0, refused: 1, waiting: 1 });
    await clock.advance(19_499);
    expect(streams).toHaveLength(1);
    await clock.advance(1);
    expect(streams).toHaveLength(2);
    streams[1]?.fail(new PlaneError("Attach", "RESOURCE_EXHAUSTED", "too many", { retryAfterMs: 20_000 }));
    await settle();
    cells.retryNow.note();
    await settle();
    expect(streams, "asked to try now").toHaveLength(3);
  });

  it("comes back at once when it is asked to", async () => {
    await pauses(6);
    streams.at(-1)?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await settle();
    expect(streams).toHaveLength(7);
    cells.retryNow.note();
    await settle();
    expect(streams).toHaveLength(8);
  });

  it("of a control plane that does not know us leads to a new proof, and a spent one does not keep us from coming back", async () => {
    const unknown = new PlaneError("Attach", "UNAUTHENTICATED", "no such machine");
    streams[0]?.fail(unknown);
    await clock.advance(500);
    expect(streams.map((stream) => stream.identity)).toEqual(["m1", "m1"]);
    streams[1]?.fail(unknown);
    await clock.advance(1_000);
    expect(streams.map((stream) => stream.identity)).toEqual(["m1", "m1", "m1-again"]);
  });

  const tell = (planeMs: number): void =>
    cells.plane.update((view) => ({ ...view, time: { planeMs, at: clock.now() } }));
  const knownUntil = (notAfterMs: number): void =>
    cells.identity.set({ machineId: "m1", notAfterMs } as MachineIdentity); // only these are asked

  it("of a control plane whose clock called our certificate expired, and is set right, costs no new proof", async () => {
    const { wallMs } = clock.now();
    knownUntil(wallMs + 60_000);
    await clock.advance(1);
    tell(wallMs + 120_000);
    planeMsAtProof = wallMs;
    streams.at(-1)?.fail(new PlaneError("Attach", "UNAUTHENTICATED", "no such machine"));
    await clock.advance(1_000);
    expect(streams.map((stream) => stream.identity)).toEqual(["m1", "m1", "m1"]);
    expect(proofs).toBe(0);
  });

  it("of one that says the same of a certificate that is good leads to a new proof whatever its clock says", async () => {
    const { wallMs } = clock.now();
    knownUntil(wallMs + 60_000);
    await clock.advance(1);
    tell(wallMs);
    planeMsAtProof = wallMs - 60_000;
    streams.at(-1)?.fail(new PlaneError("Attach", "UNAUTHENTICATED", "no such machine"));
    await clock.advance(1_000);
    expect(proofs).toBe(1);
  });

  it("is given up for dead after 90 s of silence", async () => {
    await clock.advance(89_999);
    expect(streams).toHaveLength(1);
    await clock.advance(1_000);
    expect(streams).toHaveLength(2);
    expect(cells.plane.get().lastFailure).toBe("The control plane did not answer Attach: nothing was heard for 90 s");
    expect(cells.plane.get().isSilent).toBe(true);
  });

  it("is given up soon after the machine was suspended for longer than that, though its timers slept as well", async () => {
    await clock.advance(1_000);
    clock.sleepThrough(3_600_000);
    await clock.advance(20_000);
    expect(streams).toHaveLength(2);
  });

  it("is kept by a machine whose clock is put back", async () => {
    clock.step(-7_200_000);
    await clock.advance(80_000);
    expect(streams).toHaveLength(1);
  });

  it("lives on with each message, also one that is refused, for 90 s more", async () => {
    for (let message = 0; message < 4; message += 1) {
      await clock.advance(89_000);
      streams[0]?.say({ is: "malformed", revision: 1n, because: "x" });
      await settle();
    }
    expect(streams).toHaveLength(1);
    await clock.advance(91_000);
    expect(streams).toHaveLength(2);
  });

  it("is not called refused for half an hour by a control plane that was heard in between", async () => {
    const denied = new PlaneError("Attach", "PERMISSION_DENIED", "RBAC: access denied");
    const refuse = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time += 1) {
        streams.at(-1)?.fail(denied);
        // The next one is there by then, and not yet given up for its silence.
        await clock.advance(80_000);
      }
    };
    await refuse(22);
    streams.at(-1)?.say({ is: "records-ack", bootId: "boot", upToSequence: 1n });
    await settle();
    await refuse(22);
    expect(log.events.filter((event) => event === "control-plane.detached")).toHaveLength(44);
    await refuse(2);
    await expect(staying).rejects.toThrow("Refused for half an hour");
  });

  it("moves to a new one at once when the machine's certificate was renewed", async () => {
    cells.identity.set({ machineId: "m1-renewed" } as MachineIdentity);
    await settle();
    expect(streams.map((stream) => stream.identity)).toEqual(["m1", "m1-renewed"]);
  });

  it("ends the agent when this machine is refused", async () => {
    streams[0]?.say({ is: "desired", state: desiredState() });
    await settle();
    const refusal = { code: "machine-refused" };
    streams[0]?.fail(new PlaneError("Attach", "PERMISSION_DENIED", "unknown machine", { refusal }));
    await expect(staying).rejects.toThrow("unknown machine");
    expect(cells.plane.get().attached).toBe(false);
  });

  it("attaches again after a refusal that any proxy can give", async () => {
    streams[0]?.fail(new PlaneError("Attach", "UNIMPLEMENTED", ""));
    await clock.advance(1_000);
    expect(streams).toHaveLength(2);
  });

  const reports = (): ObservedState[] =>
    (streams[0]?.sent ?? []).flatMap((message) => (message.is === "observed" ? [message.state] : []));

  it("reports notable news at once, and all of it every 15 s", async () => {
    const ready: ObservedState = { ...NOTHING_OBSERVED, phase: { at: "ready" } };
    cells.observed.set(ready);
    await clock.advance(100);
    expect(reports()).toEqual([ready]);
    await clock.advance(15_100);
    expect(reports()).toHaveLength(2);
    const draining: ObservedState = { ...ready, phase: { at: "draining", reason: "x", deadlineWallMs: 0 } };
    cells.observed.set(draining);
    await clock.advance(100);
    expect(reports().slice(2)).toEqual([draining]);
  });

  it("reports a handful of changes as they come, and of many more no more than fifty a second", async () => {
    const at = (revision: bigint): ObservedState => ({ ...NOTHING_OBSERVED, appliedRevision: revision });
    let revision = 0n;
    const changeFor = async (ms: number): Promise<void> => {
      for (let left = ms; left > 0; left -= 1) {
        revision += 1n;
        cells.observed.set(at(revision));
        await clock.advance(1);
      }
    };
    await changeFor(20);
    expect(reports().length).toBeGreaterThanOrEqual(5);
    await changeFor(980);
    expect(reports().length).toBeLessThanOrEqual(65);
    await clock.advance(20);
    expect(reports().at(-1)?.appliedRevision).toBe(revision);
  });

  it("says the same words no more often than every 15 s, however often figures move", async () => {
    const figures = (tick: number): ObservedState => ({
      ...NOTHING_OBSERVED,
      observedAtMs: tick,
      counters: { sessionsAccepted: tick, sessionsRefused: 0, messagesRefused: 0 },
      builds: new Map([["b1", 1 + (tick % 3)]]),
      checks: [checkResult({ name: "disk", message: `${tick} MiB free` })],
    });
    for (let tick = 0; tick < 30; tick += 1) {
      cells.observed.set(figures(tick));
      await clock.advance(2_000);
    }
    expect(reports().length).toBeLessThanOrEqual(5);
    expect(reports().at(-1)?.counters.sessionsAccepted).toBeGreaterThan(20);
  });

  it("sends what is not acknowledged again 30 s after it was sent, whatever else moves", async () => {
    pending = [record(1)];
    cells.records.set({ waiting: 1, dropped: 0 });
    for (let tick = 1; tick <= 14; tick += 1) {
      cells.records.set({ waiting: 1, dropped: tick });
      await clock.advance(2_000);
    }
    expect(sequences(streams[0])).toEqual(["1"]);
    cells.records.set({ waiting: 1, dropped: 15 });
    await clock.advance(2_000);
    expect(sequences(streams[0])).toEqual(["1", "1"]);
  });

  it("sends the records of one boot after those of another, by their own numbers", async () => {
    pending = [record(1), record(2), record(3)];
    cells.records.set({ waiting: 4, dropped: 0 });
    await settle();
    // All acknowledged: the next boot's first record is there.
    bootId = "boot-2";
    pending = [record(1)];
    cells.records.set({ waiting: 1, dropped: 0 });
    await settle();
    expect(sequences(streams[0])).toEqual(["1 2 3", "1"]);
  });

  it("sends each record once, and again when no acknowledgement comes", async () => {
    pending = [record(1), record(2)];
    cells.records.set({ waiting: 2, dropped: 0 });
    await settle();
    pending = [...pending, record(3)];
    cells.records.set({ waiting: 3, dropped: 0 });
    await settle();
    expect(sequences(streams[0])).toEqual(["1 2", "3"]);
    await clock.advance(30_000);
    expect(sequences(streams[0])).toEqual(["1 2", "3", "1 2 3"]);
    streams[0]?.say({ is: "records-ack", bootId: "boot", upToSequence: 3n });
    await clock.advance(60_000);
    expect(sequences(streams[0])).toEqual(["1 2", "3", "1 2 3"]);
    expect(cells.records.get()?.waiting).toBe(0);
  });
});
