import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stayAttached } from "../../agent/control/attach.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import type { Boot } from "../../agent/core/machine.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";
import { PlaneError } from "../../agent/core/plane-status.ts";
import type { NumberedRecord } from "../../agent/core/record-ledger.ts";
import { NO_PLANE, type PlaneView, type RecordCounts } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { Queue } from "../../agent/lifecycle/queue.ts";
import type { ControlPlane, FromPlane, Hello, ToPlane } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import type { RecordStore } from "../../agent/ports/records.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { listening, NO_METERS, notebook } from "./stand-ins.ts";

interface Stream {
  readonly identity: string;
  readonly hello: Hello;
  readonly sent: ToPlane[];
  say(message: FromPlane): void;
  fail(failure: Error): void;
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
  let proofs: number;
  let staying: Promise<void>;
  let cells: ReturnType<typeof newCells>;

  function newCells() {
    return {
      identity: new Cell<MachineIdentity>({ machineId: "m1" } as MachineIdentity),
      desired: new Cell<DesiredState | undefined>(undefined),
      plane: new Cell<PlaneView>(NO_PLANE),
      observed: new Cell<ObservedState | undefined>(undefined),
      reported: new Cell<ObservedState | undefined>(undefined),
      gateway: listening({ applied: { revision: 6n, epoch: "e" } }),
      recordCounts: new Cell<RecordCounts>({ waiting: 0, dropped: 0 }),
    };
  }

  beforeEach(async () => {
    clock = new ManualClock();
    stop = new AbortController();
    streams = [];
    pending = [];
    proofs = 0;
    cells = newCells();
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
      pending: (limit: number) =>
        pending.length === 0 ? undefined : { bootId: "boot", records: pending.slice(0, limit) },
      acknowledge: async (_boot: string, upTo: bigint) => void (pending = pending.filter((one) => one.sequence > upTo)),
      get counts() {
        return { waiting: pending.length, dropped: 0 };
      },
    } as unknown as RecordStore; // the journal itself has its own tests
    staying = stayAttached(
      { plane, records, meters: NO_METERS, clock, log: notebook() },
      cells,
      { bootId: "boot", runId: "run" } as Boot,
      async () => {
        proofs += 1;
        if (proofs === 1) return false;
        cells.identity.set({ machineId: "m1-again" } as MachineIdentity);
        return true;
      },
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

  it("keeps the last good state when a new one is malformed or a straggler, tells it, and does not call the view confirmed", async () => {
    streams[0]?.say({ is: "desired", state: desiredState({ revision: 7n }) });
    await settle();
    const { confirmedAt } = cells.plane.get();
    await clock.advance(1_000);
    streams[0]?.say({ is: "malformed", revision: 8n, because: "open_builds[0].expires_at is missing" });
    streams[0]?.say({ is: "desired", state: desiredState({ revision: 5n }) });
    await settle();
    expect(cells.desired.get()?.revision).toBe(7n);
    expect(cells.plane.get()).toMatchObject({ messagesRefused: 2, refused: { revision: 5n }, confirmedAt });
  });

  it("comes back after a failure, and counts its patience anew once it was heard", async () => {
    streams[0]?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await settle();
    expect(cells.plane.get()).toMatchObject({ attached: false });
    expect(cells.plane.get().lastFailure).toContain("restarting");
    await clock.advance(500);
    expect(streams).toHaveLength(2);
    streams[1]?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await clock.advance(999);
    expect(streams).toHaveLength(2);
    await clock.advance(1);
    streams[2]?.say({ is: "desired", state: desiredState() });
    await settle();
    streams[2]?.fail(new PlaneError("Attach", "UNAVAILABLE", "restarting"));
    await clock.advance(500);
    expect(streams).toHaveLength(4);
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

  it("is given up for dead after 90 s of silence", async () => {
    await clock.advance(89_999);
    expect(streams).toHaveLength(1);
    await clock.advance(1_000);
    expect(streams).toHaveLength(2);
    expect(cells.plane.get().lastFailure).toContain("nothing heard");
  });

  it("moves to a new one at once when the machine's certificate was renewed", async () => {
    cells.identity.set({ machineId: "m1-renewed" } as MachineIdentity);
    await settle();
    expect(streams.map((stream) => stream.identity)).toEqual(["m1", "m1-renewed"]);
  });

  it("ends the agent when this machine is refused", async () => {
    streams[0]?.say({ is: "desired", state: desiredState() });
    await settle();
    streams[0]?.fail(new PlaneError("Attach", "PERMISSION_DENIED", "unknown machine"));
    await expect(staying).rejects.toThrow("unknown machine");
    expect(cells.plane.get().attached).toBe(false);
  });

  it("reports what changed soon, and all of it every 15 s", async () => {
    const state = { phase: { at: "ready" } } as ObservedState;
    cells.observed.set(state);
    await clock.advance(100);
    expect(streams[0]?.sent).toEqual([{ is: "observed", state }]);
    await clock.advance(15_100);
    expect(streams[0]?.sent).toHaveLength(2);
  });

  it("sends each record once, and again when no acknowledgement comes", async () => {
    pending = [record(1), record(2)];
    cells.recordCounts.set({ waiting: 2, dropped: 0 });
    await settle();
    pending = [...pending, record(3)];
    cells.recordCounts.set({ waiting: 3, dropped: 0 });
    await settle();
    expect(sequences(streams[0])).toEqual(["1 2", "3"]);
    await clock.advance(30_000);
    expect(sequences(streams[0])).toEqual(["1 2", "3", "1 2 3"]);
    streams[0]?.say({ is: "records-ack", bootId: "boot", upToSequence: 3n });
    await clock.advance(60_000);
    expect(sequences(streams[0])).toEqual(["1 2", "3", "1 2 3"]);
    expect(cells.recordCounts.get().waiting).toBe(0);
  });
});
