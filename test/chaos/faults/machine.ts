import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TABLE } from "../../../agent/core/network/guard.ts";
import type { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import type { Stage } from "../../journeys/stage/stage.ts";
import { type DiskName, empty, fill, limitInodes } from "../disks.ts";
import type { Fault } from "./fault.ts";

/** A machine that is not ready says so; a build that runs may get what a full disk says. */
/** A build that was taken is refused at the door where the disk fills meanwhile. */
const WITHOUT_ROOM = ["unaccepted", "refused:not-ready", "no-session", "said:no-space"];
/** Of a small range that routers drop: nobody answers there. */
const NOBODY = "nameserver 203.0.113.53\n";

const lane = "machine";

/** The VM, without which no machine could be harmed alone. */
export function vmOf(stage: Stage): NetworkNamespace {
  if (stage.vm === undefined) throw new Error("The agent has no network of its own: a fault would be this machine's");
  return stage.vm;
}

function filled(name: DiskName, leftMib: number, what: string): Fault {
  return {
    ...{ lane, weight: 2, breaks: WITHOUT_ROOM, holdsMs: [2_000, 20_000], what },
    bring: async ({ stage }) => {
      await fill(vmOf(stage), stage.workDir, name, leftMib);
      return { mend: () => empty(vmOf(stage), stage.workDir, name) };
    },
  };
}

function withoutInodes(name: DiskName): Fault {
  return {
    ...{ lane, weight: 2, breaks: WITHOUT_ROOM, holdsMs: [2_000, 20_000] },
    what: `the disk for the ${name} has no inodes left`,
    bring: async ({ stage }) => {
      await limitInodes(vmOf(stage), stage.workDir, name, 8);
      return { mend: () => limitInodes(vmOf(stage), stage.workDir, name, undefined) };
    },
  };
}

export const MACHINE_FAULTS = {
  "cache-nearly-full": filled("cache", 200, "somebody fills the cache's disk, but for 200 MiB"),
  "cache-full": filled("cache", 0, "somebody fills the cache's disk"),
  "cache-without-inodes": withoutInodes("cache"),
  "state-full": filled("state", 0, "somebody fills the disk for the machine's state"),
  "link-down": {
    ...{ lane, weight: 2, breaks: ["unaccepted"], holdsMs: [500, 15_000] },
    what: "the link to the control plane is down, and up again",
    bring: async ({ stage }) => {
      const link = (state: "up" | "down"): Promise<string> => vmOf(stage).run("ip", ["link", "set", "lo", state]);
      await link("down");
      return {
        mend: async () => {
          await link("up");
          await stage.ask("reconnect");
        },
      };
    },
  },
  "names-gone": {
    ...{ lane, weight: 2, breaks: [], holdsMs: [1_000, 15_000], what: "nobody answers for names any more" },
    bring: async ({ stage }) => {
      const file = join("/proc", `${vmOf(stage).pid}`, "root/etc/resolv.conf");
      const before = await readFile(file, "utf8");
      await writeFile(file, NOBODY);
      return { mend: () => writeFile(file, before) };
    },
  },
  "guard-deleted": {
    ...{ lane, weight: 2, breaks: ["unaccepted", "refused:not-ready"], holdsMs: [0, 0] },
    what: "the builds' nftables table is deleted",
    bring: async ({ stage }) => {
      // Between two lives of the agent there is none.
      await vmOf(stage)
        .run("nft", ["delete", "table", "inet", TABLE])
        .catch(() => undefined);
      return { mend: async () => undefined };
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
