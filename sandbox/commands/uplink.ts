import { readFile } from "node:fs/promises";
import { Egress } from "../net/egress/egress.ts";
import { HERE } from "../net/place.ts";
import type { Uplink } from "../stack/vm-network.ts";

/**
 * A way out over this machine, as far as its own firewall lets it. `tell` is given what there is on
 * this machine for that, until the end.
 */
export async function uplinkHere(tell: (what: string) => void): Promise<Uplink> {
  return {
    // With its loopback stub and all: the agent goes on to whom that asks.
    resolvConf: await readFile("/etc/resolv.conf", "utf8"),
    join: async (vm) => {
      const egress = await Egress.open(HERE, vm);
      tell(egress.told);
      return egress;
    },
  };
}
