import type { Fault } from "./fault.ts";
import { nothingToMend } from "./fault.ts";
import { atOnce } from "./plane.ts";
import { signalled } from "./processes.ts";

const lane = "operator";

/** What somebody does to a machine that works: no build may notice. */
export const OPERATOR_FAULTS = {
  "gateway-replaced": {
    ...{ lane, weight: 4, breaks: [], holdsMs: [0, 0], what: "the gateway is replaced by a new one" },
    bring: async ({ stage }) => {
      await signalled(stage, "launcher", "SIGUSR2");
      return nothingToMend;
    },
  },
  "configuration-retaken": {
    ...{ lane, weight: 1, breaks: [], holdsMs: [0, 0], what: "all are told to take their configuration again" },
    bring: async ({ stage }) => {
      await signalled(stage, "launcher", "SIGHUP");
      return nothingToMend;
    },
  },
  reconnected: {
    ...{ lane, weight: 1, breaks: [], holdsMs: [0, 0], what: "an operator has the machine reconnect" },
    bring: async ({ stage }) => {
      await atOnce(stage);
      return nothingToMend;
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
