import { afterEach, beforeEach, expect, it } from "vitest";
import { answerDiagnostics } from "../../agent/control/answer-diagnostics.ts";
import type { DesiredState, DiagnosticsWish } from "../../agent/core/desired-state.ts";
import type { EndOrder } from "../../agent/core/end-orders.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { PlaneError } from "../../agent/core/plane-status.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { NO_REPORT, notebook } from "./stand-ins.ts";

const MINUTE_MS = 60_000;

let clock: ManualClock;
let log: ReturnType<typeof notebook>;
let over: AbortController;
let desired: Cell<DesiredState | undefined>;
let endOrders: Cell<readonly EndOrder[]>;
let phase: Cell<Phase>;
let answered: Set<string>;
let uploads: string[];
/** What comes of each upload; "hangs" ends with its signal alone. */
let outcome: () => Error | "stored" | "other" | "hangs";
let answering: Promise<void>;

beforeEach(() => {
  clock = new ManualClock();
  log = notebook();
  over = new AbortController();
  desired = new Cell<DesiredState | undefined>(undefined);
  endOrders = new Cell<readonly EndOrder[]>([]);
  phase = new Cell<Phase>({ at: "ready" });
  answered = new Set();
  uploads = [];
  outcome = () => "stored";
  const identity = new Cell<MachineIdentity | undefined>({} as MachineIdentity); // only handed on
  const diagnostics = {
    answered: { has: (id: string) => answered.has(id), note: async (id: string) => void answered.add(id) },
    bundles: {
      make: async () => ({
        marker: "BUG-1",
        bytes: (async function* () {})(),
        digest: () => ({ sha256: "ab", sizeBytes: 1 }),
        lacks: () => 0,
      }),
    },
    plane: {
      uploadDiagnostics: async (_: unknown, { requestId }: { readonly requestId: string }, signal: AbortSignal) => {
        uploads.push(requestId);
        const came = outcome();
        if (came instanceof Error) throw came;
        if (came === "hangs") await new Promise((resolve) => signal.addEventListener("abort", resolve));
        signal.throwIfAborted();
        return came === "other" ? "cd" : "ab";
      },
    },
  };
  answering = answerDiagnostics(
    { diagnostics, clock, log },
    { desired, identity, phase, endOrders },
    NO_REPORT,
    over.signal,
  );
});

afterEach(async () => {
  over.abort();
  await answering;
});

function ask(...ids: readonly string[]): void {
  const diagnostics = ids.map(
    (requestId): DiagnosticsWish => ({ requestId, expiresAtMs: clock.now().wallMs + 10 * MINUTE_MS }),
  );
  desired.set({ ...desiredState(), diagnostics });
}

it("one after the other, each once, however often they are asked for", async () => {
  ask("r-1", "r-2");
  await settle();
  ask("r-1", "r-2", "r-3");
  await clock.advance(10 * MINUTE_MS);
  expect(uploads).toEqual(["r-1", "r-2", "r-3"]);
  expect(log.events.filter((event) => event === "diagnostics.answered")).toHaveLength(3);
});

it.each([
  ["the control plane does not answer", () => new PlaneError("UploadDiagnostics", "UNAVAILABLE", "gone")],
  ["it stored something else", () => "other" as const],
  ["the bundle breaks", () => new Error("a defect")],
])("tries three times where %s, and then gives up and takes the next", async (_, comes) => {
  outcome = () => (uploads.at(-1) === "r-1" ? comes() : "stored");
  ask("r-1", "r-2");
  await clock.advance(10 * MINUTE_MS);
  expect(uploads).toEqual(["r-1", "r-1", "r-1", "r-2"]);
  expect(log.events.filter((event) => event === "diagnostics.given-up")).toHaveLength(1);
});

it.each(["ALREADY_EXISTS", "FAILED_PRECONDITION", "UNIMPLEMENTED"])(
  "does not try again what nobody wants any more: %s",
  async (status) => {
    outcome = () => new PlaneError("UploadDiagnostics", status, "no");
    ask("r-1");
    await clock.advance(10 * MINUTE_MS);
    expect(uploads).toEqual(["r-1"]);
  },
);

it("one that has expired is not answered", async () => {
  desired.set({ ...desiredState(), diagnostics: [{ requestId: "r-1", expiresAtMs: clock.now().wallMs - 1 }] });
  await clock.advance(MINUTE_MS);
  expect(uploads).toEqual([]);
});

it("none is begun in the last seconds of a drain, and the one under way ends with the drain", async () => {
  outcome = () => "hangs";
  ask("r-1");
  await settle();
  expect(uploads).toEqual(["r-1"]);
  endOrders.set([{ from: "signal", reason: "", deadlineMonoMs: clock.now().monoMs + 30_000 }]);
  await clock.advance(MINUTE_MS);
  expect(uploads).toEqual(["r-1"]);
  expect(log.events.filter((event) => event !== "diagnostics.begun")).toEqual([]);
  expect(answered.size).toBe(0);
});

it("a long drain leaves time for one; a machine that stops does not", async () => {
  endOrders.set([{ from: "signal", reason: "", deadlineMonoMs: clock.now().monoMs + 10 * MINUTE_MS }]);
  ask("r-1");
  await settle();
  phase.set({ at: "stopping", reason: "" });
  ask("r-2");
  await settle();
  expect(uploads).toEqual(["r-1"]);
});

it("an upload that hangs is cut, and tried again", async () => {
  outcome = () => (uploads.length === 1 ? "hangs" : "stored");
  ask("r-1");
  await clock.advance(5 * MINUTE_MS);
  expect(uploads).toEqual(["r-1", "r-1"]);
  expect([...answered]).toEqual(["r-1"]);
});
