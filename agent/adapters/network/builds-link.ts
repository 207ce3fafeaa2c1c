import { formatCidr } from "../../core/network/cidr.ts";
import { BUILDS_LINK, type NetworkPlan, onBuildsLink, type PlannedRange, rangesOf } from "../../core/network/plan.ts";
import { linksOf, rulesOf } from "./ip-answers.ts";
import type { LinkAddress } from "./machine-network.ts";
import { runTool } from "./run-tool.ts";
import { settleLinks } from "./sysctl.ts";

/** Fixed, locally administered. */
const MAC = "02:62:75:69:6c:64";

/** Before tailscaled's own rules (5210 to 5270), after "local" (0). */
const RULE_PRIORITY = 5100;

/**
 * Makes `builds0` and all that leads to it as the plan wants them; what is right already is left
 * alone. Each look takes a process of its own, and a boot waits for all of them: they go side by
 * side.
 */
export async function makeBuildsLink(
  plan: NetworkPlan,
  addresses: readonly LinkAddress[],
  signal: AbortSignal,
): Promise<void> {
  const ranges = rangesOf(plan);
  const [wasThere, ...present] = await Promise.all([isThere(signal), ...ranges.map((range) => rules(range, signal))]);
  // A bridge that nobody is on: each kernel that makes namespaces for builds has it, a dummy not.
  const options = ["type", "bridge", "forward_delay", "0", "mcast_snooping", "0"];
  if (!wasThere) await runTool("ip", ["link", "add", "name", BUILDS_LINK, "address", MAC, ...options], signal);
  await settleLinks();
  const had = wasThere ? addresses.filter(({ link, scope }) => link === BUILDS_LINK && scope !== "link") : [];
  await runBatch([], [`link set dev ${BUILDS_LINK} up`, ...addressLines(plan, had)], signal);
  await Promise.all(
    ranges.map((range, at) => runBatch([optionOf(range)], ruleLines(range, present[at] ?? []), signal)),
  );
}

async function isThere(signal: AbortSignal): Promise<boolean> {
  const said = await runTool("ip", ["-json", "link", "show", "type", "bridge"], signal);
  return linksOf(said || "[]").some(({ ifname }) => ifname === BUILDS_LINK);
}

function addressLines(plan: NetworkPlan, present: readonly LinkAddress[]): readonly string[] {
  const wanted = rangesOf(plan).flatMap(({ cidr, services }) => services.map((address) => onBuildsLink(address, cidr)));
  const had = present.map(({ address, prefix }) => `${address}/${prefix}`);
  const stale = had.filter((text) => !wanted.includes(text));
  const missing = wanted.filter((text) => !had.includes(text));
  return [
    // The last first: with the first address of a range the kernel deletes the others of it.
    ...stale.toReversed().map((text) => `address delete ${text} dev ${BUILDS_LINK}`),
    ...missing.map((text) => `address add ${text} dev ${BUILDS_LINK}${text.includes(":") ? " nodad" : ""}`),
  ];
}

/** Of ours: to which CIDRs. */
async function rules(range: PlannedRange, signal: AbortSignal): Promise<readonly string[]> {
  const said = await runTool(
    "ip",
    ["-json", optionOf(range), "rule", "show", "priority", String(RULE_PRIORITY)],
    signal,
  );
  return rulesOf(said || "[]").map(({ dst = "", dstlen }) => `${dst}/${dstlen}`);
}

function optionOf({ cidr: { family } }: PlannedRange): "-4" | "-6" {
  return family === "ipv4" ? "-4" : "-6";
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
