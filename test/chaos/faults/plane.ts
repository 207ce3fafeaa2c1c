import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import type { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import type { Method } from "../../../sandbox/control-plane/faults.ts";
import { Refusal } from "../../../sandbox/control-plane/refusal.ts";
import { desired, MALFORMED_STATES } from "../../journeys/stage/malformed-states.ts";
import type { Stage } from "../../journeys/stage/stage.ts";
import type { Brought, Fault } from "./fault.ts";
import { nothingToMend } from "./fault.ts";

/** A build that is open goes on; one that is new waits for a machine that hears of it. */
export const UNHEARD = ["unaccepted"];
const METHODS: readonly Method[] = ["getChallenge", "register", "renewCertificates", "attach"];
/** What a proxy answers that knows nothing of the contract: without its mark they end nothing. */
const INTERMEDIARY = [
  [status.UNAUTHENTICATED, "401"],
  [status.PERMISSION_DENIED, "403"],
  [status.UNIMPLEMENTED, "404"],
  [status.UNAVAILABLE, "502"],
  [status.INTERNAL, "500"],
] as const;

const lane = "plane";

function answers(refusal: () => Refusal, stage: Stage): { mend: () => Promise<void> } {
  for (const method of METHODS) stage.plane.faults.answer(method, refusal());
  stage.plane.endStreams(refusal());
  return {
    mend: async () => {
      for (const method of METHODS) stage.plane.faults.answer(method, undefined);
      await atOnce(stage);
    },
  };
}

/** As an operator would, so that a run is not spent waiting; nobody may be there to be asked. */
export async function atOnce(stage: Stage): Promise<void> {
  await stage.ask("reconnect");
}

/** Nobody listens, and whoever was connected is cut. @param then once it is there again. */
export function gone({ transport }: EmbeddedControlPlane, then: () => Promise<unknown>): Brought {
  transport.stopListening();
  transport.cutConnections();
  return {
    mend: async () => {
      await transport.listenAgain();
      await then();
    },
  };
}

export const PLANE_FAULTS = {
  "plane-gone": {
    ...{ lane, weight: 3, breaks: UNHEARD, holdsMs: [500, 20_000], what: "the control plane is gone" },
    bring: async ({ stage }) => gone(stage.plane, () => atOnce(stage)),
  },
  "plane-flapping": {
    ...{ lane, weight: 2, breaks: UNHEARD, holdsMs: [2_000, 12_000], what: "the control plane's connections break" },
    bring: async ({ stage, chance, signal }) => {
      const over = new AbortController();
      const flap = async (): Promise<void> => {
        while (!over.signal.aborted && !signal.aborted) {
          stage.plane.transport.cutConnections();
          await sleep(200 + chance() * 1_500);
        }
      };
      const flapping = flap();
      return {
        mend: async () => {
          over.abort();
          await flapping;
          await atOnce(stage);
        },
      };
    },
  },
  "plane-silent": {
    ...{ lane, weight: 2, breaks: UNHEARD, holdsMs: [1_000, 20_000], what: "the control plane says nothing" },
    bring: async ({ stage }) => {
      stage.plane.faults.silent = true;
      return {
        mend: async () => {
          stage.plane.faults.silent = false;
          // What it would have said meanwhile is said anew on a new stream only.
          stage.plane.endStreams(new Refusal(status.UNAVAILABLE, "Say it again."));
          await atOnce(stage);
        },
      };
    },
  },
  "plane-swallows-acks": {
    ...{ lane, weight: 2, breaks: [], holdsMs: [1_000, 30_000], what: "no record is acknowledged" },
    bring: async ({ stage }) => {
      stage.plane.faults.swallowAcks = true;
      return { mend: async () => (stage.plane.faults.swallowAcks = false) };
    },
  },
  "plane-overloaded": {
    ...{ lane, weight: 1, breaks: UNHEARD, holdsMs: [1_000, 10_000], what: "the control plane is overloaded" },
    bring: async ({ stage }) => answers(() => Refusal.forNow(1_000, "Too much at once."), stage),
  },
  "plane-behind-a-broken-proxy": {
    ...{ lane, weight: 2, breaks: UNHEARD, holdsMs: [1_000, 15_000] },
    what: "an intermediary answers for the control plane",
    bring: async ({ stage, chance }) => {
      const [code, words] = INTERMEDIARY[Math.floor(chance() * INTERMEDIARY.length)] ?? INTERMEDIARY[0];
      return answers(() => new Refusal(code, `HTTP ${words}`), stage);
    },
  },
  "plane-talks-nonsense": {
    ...{ lane, weight: 2, breaks: UNHEARD, holdsMs: [0, 0], what: "the control plane sends bytes that mean nothing" },
    bring: async ({ stage, chance }) => {
      stage.plane.sendRaw(randomBytes(1 + Math.floor(chance() * 4_000)));
      return { mend: () => atOnce(stage) };
    },
  },
  "plane-wants-nonsense": {
    ...{ lane, weight: 2, breaks: [], holdsMs: [0, 0], what: "the control plane wants what the contract forbids" },
    bring: async ({ stage, chance }) => {
      const malformed = MALFORMED_STATES[Math.floor(chance() * MALFORMED_STATES.length)];
      const now = desired(stage);
      if (malformed !== undefined) stage.plane.sendRaw(malformed.breach({ ...now, revision: now.revision + 1n }));
      return nothingToMend;
    },
  },
  "plane-starts-over": {
    ...{ lane, weight: 1, breaks: UNHEARD, holdsMs: [0, 0], what: "the control plane counts from the start again" },
    bring: async ({ stage }) => {
      const { org, project } = stage.machine.project.ref;
      stage.plane.startNewEpoch({ org, project });
      return nothingToMend;
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
