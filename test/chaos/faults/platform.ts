import type { MetadataFault } from "../../../sandbox/metadata/faults.ts";
import type { Fault } from "./fault.ts";

const lane = "machine";
/** Told, and no endings. */
const NOTICES = ["rebalance", "maintenance"] as const;
const LIES: readonly MetadataFault[] = [
  ...([{ kind: "hang" }, { kind: "reset" }, { kind: "page" }, { kind: "noise" }, { kind: "flood" }] as const),
  { kind: "status", status: 500 },
];

/** What the platform says, or does not: no build may notice. */
export const PLATFORM_FAULTS = {
  "notice-told": {
    ...{ lane, weight: 1, breaks: [], holdsMs: [3_000, 15_000] },
    what: "the platform recommends to rebalance, or announces maintenance",
    bring: async ({ outside: { platform }, chance }) => {
      const notice = NOTICES[Math.floor(chance() * NOTICES.length)] ?? "rebalance";
      platform.notices.announce({ notice });
      return { mend: async () => platform.notices.announce({ notice: "none" }) };
    },
  },
  "platform-lies": {
    ...{ lane, weight: 1, breaks: [], holdsMs: [3_000, 20_000] },
    what: "the platform's metadata service hangs, or answers nonsense",
    bring: async ({ outside: { platform }, chance }) => {
      const { faults } = platform.servers.aws;
      faults.set("*", LIES[Math.floor(chance() * LIES.length)] ?? { kind: "hang" });
      return { mend: async () => faults.clear() };
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
