import { setTimeout as sleep } from "node:timers/promises";
import { TABLE } from "../../../agent/core/network/guard.ts";
import type { Brought, FaultRow } from "../../chaos/faults/fault.ts";
import { nothingToMend } from "../../chaos/faults/fault.ts";
import { gone } from "../../chaos/faults/plane.ts";
import { eventually } from "../../journeys/stage/eventually.ts";
import { paced } from "../machine/pace.ts";
import type { VmStage } from "../stage/vm-stage.ts";

/** A fault of a machine under systemd. */
export interface GuestFault extends FaultRow {
  bring(stage: VmStage, chance: () => number): Promise<Brought>;
}

const [GATEWAY, CONTROL] = ["builder-agent-gateway.service", "builder-agent-control.service"] as const;
const BUILDKIT = "buildkitd.service";
const MAPPING = "builder-agent-cache";
const CACHE = "/var/lib/builder-agent/cache";
const LEFT_MIB = 50;
const MIB = 1024 ** 2;
const LEAST_HOURS = 2;
const MOST_HOURS = 5;

const WAITS = ["unaccepted", "refused:not-ready"];
const NO_GATEWAY = [...WAITS, "no-session", "ending:gateway-lost"];
const NO_BUILDKIT = [...WAITS, ...["no-session", "ending:buildkit-closed", "ending:buildkit-error"]];
const WITHOUT_ROOM = [...WAITS, "said:no-space"];
const AT_ONCE = [0, 0] as const;
const VERIFIED_MS = paced(120_000);

function killed(unit: string, breaks: readonly string[]): GuestFault {
  return {
    ...{ what: `${unit} is killed`, breaks, holdsMs: AT_ONCE },
    bring: async ({ guest }) => {
      await guest.run(`systemctl kill --kill-whom=main --signal=KILL ${unit}`);
      return nothingToMend;
    },
  };
}

async function timesVerified({ guest }: VmStage): Promise<number> {
  return Number(
    await guest.run(`journalctl --no-pager --output=cat --unit=${CONTROL} | grep -c isolation.verified; true`),
  );
}

/** For shorter than the watchdog takes to end it. */
function stopped(unit: string, breaks: readonly string[]): GuestFault {
  const signal = (name: string): string => `systemctl kill --kill-whom=main --signal=${name} ${unit}`;
  return {
    ...{ what: `${unit} is stopped, and goes on`, breaks, holdsMs: [2_000, 12_000] },
    bring: async ({ guest }) => {
      await guest.run(signal("STOP"));
      return { mend: () => guest.run(signal("CONT")) };
    },
  };
}

/** What nobody who builds may notice. */
function unnoticed(what: string, line: string): GuestFault {
  return {
    ...{ what, breaks: [], holdsMs: AT_ONCE },
    bring: async ({ guest }) => {
      await guest.run(line);
      return nothingToMend;
    },
  };
}

/** As somebody would who is logged in, so that a run is not spent waiting. */
async function atOnce({ guest }: VmStage): Promise<void> {
  await guest.tries("builder-agent reconnect");
}

export const GUEST_FAULTS: Readonly<Record<string, GuestFault>> = {
  "control-killed": killed(CONTROL, WAITS),
  "control-stopped": stopped(CONTROL, WAITS),
  "gateway-killed": killed(GATEWAY, NO_GATEWAY),
  "gateway-stopped": stopped(GATEWAY, [...NO_GATEWAY, "said:session-late"]),
  "buildkitd-killed": killed(BUILDKIT, NO_BUILDKIT),
  "buildkitd-stopped": stopped(BUILDKIT, [...NO_BUILDKIT, "said:session-late"]),
  "dbus-restarted": unnoticed("D-Bus is restarted", "systemctl restart dbus.service"),
  "polkit-restarted": unnoticed("polkit is restarted", "systemctl restart polkit.service"),
  reloaded: unnoticed("gateway and control are reloaded", `systemctl reload ${GATEWAY} ${CONTROL}`),
  "guard-deleted": {
    ...{ what: "the builds' nftables table is deleted", breaks: WAITS, holdsMs: AT_ONCE },
    // It is felt for as long as the guard is tried anew: half a minute where a machine is emulated.
    bring: async (stage) => {
      const before = await timesVerified(stage);
      await stage.guest.tries(`nft delete table inet ${TABLE}`);
      const isBack = async (): Promise<boolean> => (await timesVerified(stage)) > before;
      return {
        mend: async () => {
          await eventually("the guard is back, and tried", isBack, VERIFIED_MS);
          await stage.ready();
        },
      };
    },
  },
  "mapping-suspended": {
    ...{ what: "the encrypted cache's mapping is suspended, and goes on", breaks: WAITS, holdsMs: [2_000, 12_000] },
    bring: async ({ guest }) => {
      await guest.run(`dmsetup suspend ${MAPPING}`);
      return { mend: () => guest.run(`dmsetup resume ${MAPPING}`) };
    },
  },
  "cache-full": {
    ...{ what: "somebody fills the encrypted cache", breaks: WITHOUT_ROOM, holdsMs: [5_000, 20_000] },
    bring: async ({ guest }) => {
      const free = `$(df --block-size=1 --output=avail ${CACHE} | tail -1)`;
      await guest.run(`fallocate --length $((${free} - ${LEFT_MIB * MIB})) ${CACHE}/ballast`);
      return { mend: () => guest.run(`rm -f ${CACHE}/ballast`) };
    },
  },
  "clock-jumped": {
    // Whoever comes meanwhile has a certificate that is over, or not valid yet.
    breaks: ["unaccepted", "refused:expired", "no-session", "ending:grant-expired", "ending:certificate-expired"],
    ...{ what: "the machine's clock jumps by hours, and is set right", holdsMs: [5_000, 15_000] },
    bring: async ({ guest }, chance) => {
      const hours = (chance() < 0.5 ? -1 : 1) * (LEAST_HOURS + chance() * (MOST_HOURS - LEAST_HOURS));
      const set = (offsetMs: number): Promise<string> =>
        guest.run(`date --set=@${((Date.now() + offsetMs) / 1_000).toFixed(3)}`);
      await set(hours * 3_600_000);
      return { mend: () => set(0) };
    },
  },
  "plane-gone": {
    ...{ what: "the control plane is gone", breaks: ["unaccepted"], holdsMs: [5_000, 20_000] },
    bring: async (stage) => gone(stage.plane, () => atOnce(stage)),
  },
  "plane-flapping": {
    ...{ what: "the control plane's connections break", breaks: ["unaccepted"], holdsMs: AT_ONCE },
    bring: async (stage) => {
      for (let cut = 0; cut < 5; cut += 1) {
        stage.plane.transport.cutConnections();
        await sleep(1_000);
      }
      await atOnce(stage);
      return nothingToMend;
    },
  },
};
