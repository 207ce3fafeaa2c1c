import { z } from "zod";
import { formatCidr } from "../../core/network/cidr.ts";
import { BRIDGE, type NetworkPlan, onBridge, type PlannedRange } from "../../core/network/plan.ts";
import type { LinkAddress } from "./machine-network.ts";
import { runTool } from "./run-tool.ts";
import { settleBridge } from "./sysctl.ts";

/** Fixed, locally administered: a bridge without one takes that of a port, and changes it when a step ends. */
const MAC = "02:62:75:69:6c:64";

/** Before tailscaled's own rules (5210 to 5270), after "local" (0). */
const RULE_PRIORITY = 5100;

/**
 * Makes the bridge and all that leads to it as the plan wants them; what is right already is left alone. Each look takes a process of its own, and a
 * boot waits for all of them: they go side by side.
 */
export async function makeBridge(
  plan: NetworkPlan,
  addresses: readonly LinkAddress[],
  signal: AbortSignal,
): Promise<void> {
  const [wasThere, rules4, rules6] = await Promise.all([isThere(signal), rules("-4", signal), rules("-6", signal)]);
  if (!wasThere) {
    const options = ["type", "bridge", "forward_delay", "0", "mcast_snooping", "0"];
    await runTool("ip", ["link", "add", "name", BRIDGE, "address", MAC, ...options], signal);
  }
  await settleBridge();
  const present = wasThere ? addresses.filter(({ link, scope }) => link === BRIDGE && scope !== "link") : [];
  await runBatch([], [`link set dev ${BRIDGE} up`, ...addressLines(plan, present)], signal);
  await Promise.all([
    runBatch(["-4"], ruleLines(plan.ipv4, rules4), signal),
    runBatch(["-6"], ruleLines(plan.ipv6, rules6), signal),
  ]);
}

async function isThere(signal: AbortSignal): Promise<boolean> {
  const links = z.array(z.object({ ifname: z.string().optional() }));
  const said = await runTool("ip", ["-json", "link", "show", "type", "bridge"], signal);
  return links.parse(JSON.parse(said || "[]")).some(({ ifname }) => ifname === BRIDGE);
}

function addressLines({ ipv4, ipv6 }: NetworkPlan, present: readonly LinkAddress[]): readonly string[] {
  const wanted = [ipv4, ipv6].flatMap(({ cidr, services }) => services.map((address) => onBridge(address, cidr)));
  const had = present.map(({ address, prefix }) => `${address}/${prefix}`);
  const stale = had.filter((text) => !wanted.includes(text));
  const missing = wanted.filter((text) => !had.includes(text));
  return [
    // The last first: with the first address of a range the kernel deletes the others of it.
    ...stale.toReversed().map((text) => `address delete ${text} dev ${BRIDGE}`),
    ...missing.map((text) => `address add ${text} dev ${BRIDGE}${text.includes(":") ? " nodad" : ""}`),
  ];
}

const RulesSchema = z.array(
  z.object({
    priority: z.number(),
    dst: z.string().optional(),
    dstlen: z.number().optional(),
    table: z.string().optional(),
  }),
);

/** Of ours: to which CIDRs. */
async function rules(family: "-4" | "-6", signal: AbortSignal): Promise<readonly string[]> {
  const said = await runTool("ip", ["-json", family, "rule", "show", "priority", String(RULE_PRIORITY)], signal);
  return RulesSchema.parse(JSON.parse(said || "[]")).map(({ dst = "", dstlen }) => `${dst}/${dstlen}`);
}

/** What goes to builds is looked up in the main table, whatever routes others have accepted. */
function ruleLines({ cidr }: PlannedRange, present: readonly string[]): readonly string[] {
  const wanted = formatCidr(cidr);
  return [
    ...present.filter((to) => to !== wanted).map((to) => `rule delete to ${to} priority ${RULE_PRIORITY}`),
    ...(present.includes(wanted) ? [] : [`rule add to ${wanted} lookup main priority ${RULE_PRIORITY}`]),
  ];
}

async function runBatch(options: readonly string[], lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length > 0) await runTool("ip", [...options, "-batch", "-"], signal, `${lines.join("\n")}\n`);
}
