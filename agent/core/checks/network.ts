import type { Instant } from "../instant.ts";
import { rfc3339 } from "../moment.ts";
import { whereTried } from "../network/fetch-plan.ts";
import type { GuardPutBack } from "../network/order.ts";
import { isOpenTo } from "../views.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** Of what the probe found amiss; doctor isolation shows all. */
const MOST_TARGETS = 10;

/** A guard that was put back is told for as long: metrics are asked for now and then. */
const PUT_BACK_TOLD_MS = 20_000;
const PUT_BACK_REMEDY =
  "Find what changes nftables on this machine (another firewall's service, a script that flushes) and stop it: nft monitor shows who";

export const buildNetwork: Check = {
  name: "build-network",
  title: "Network of builds",
  blocking: true,
  neededByBuilds: true,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy: "builder-agent network show tells what is in force",
  evidence: ({ network: view }) => {
    if (view.at !== "applied") return [`builds' network: ${view.at}`];
    const { families, resolvers, tailnet: at, generation, guardPutBack } = view.network;
    return [
      `ranges ${families.map((family) => view.network[family]).join(" and ")}, generation ${generation}`,
      resolvers.length === 0 ? "no resolvers" : `resolvers ${resolvers.join(", ")}`,
      `the guard to the tailnet is ${at}`,
      ...(guardPutBack === undefined ? [] : [`its rules were put back ${putBackInWords(guardPutBack)}`]),
    ];
  },
  look({ network: view }, now) {
    switch (view.at) {
      case "waiting":
        return unknown("Waits for the control plane to say what builds may reach");
      case "none":
        return ok("Builds have no network, as this machine is configured");
      case "failed":
        return failed(`Cannot be made as it is wanted: ${view.because}`);
      case "applied": {
        const { families, resolvers, tailnet: at, guardPutBack } = view.network;
        if (guardPutBack !== undefined && untilForgottenMs(guardPutBack, now) > 0)
          return failed(
            `Somebody removed or changed rules of the builds' guard: put back ${putBackInWords(guardPutBack)}`,
            { blocking: false, remedy: PUT_BACK_REMEDY },
          );
        const ranges = families.map((family) => view.network[family]).join(" and ");
        const one = families.length === 1 ? ", since this machine's kernel has no IPv6" : "";
        const nameless = resolvers.length === 0 && at === "closed";
        const names = nameless ? "; this machine has no resolver that builds could ask, so they have no names" : "";
        return ok(`Builds have ${ranges}${one}, guarded${names}`);
      }
      default:
        return view satisfies never;
    }
  },
  changesInMs({ network: view }, now) {
    if (view.at !== "applied" || view.network.guardPutBack === undefined) return undefined;
    return untilForgottenMs(view.network.guardPutBack, now);
  },
};

function untilForgottenMs({ atMs }: GuardPutBack, { wallMs }: Instant): number {
  return atMs + PUT_BACK_TOLD_MS - wallMs;
}

function putBackInWords({ atMs, times }: GuardPutBack): string {
  return `at ${rfc3339(atMs)}${times === 1 ? "" : `, ${times} times since the network was made`}`;
}

export const isolation: Check = {
  name: "isolation",
  title: "Isolation of builds",
  blocking: true,
  neededByBuilds: true,
  // BuildKit is asked to fetch what must not be reached: one that hangs lets nobody try.
  dependsOn: ["machine-certificate", "control-plane-view", "build-network", "buildkit"],
  remedy: "builder-agent doctor isolation tries it now and shows every target",
  evidence({ isolation: view, network }) {
    if (view.at !== "verified") return [`isolation: ${view.at}`, `builds' network: ${network.at}`];
    const { findings } = view.report;
    const amiss = findings.filter(({ ok: isOk }) => !isOk);
    return [
      `${findings.length} targets tried, ${findings.length - amiss.length} as they must be`,
      ...amiss
        .slice(0, MOST_TARGETS)
        .map(({ what, target, expected, got }) => `${what} at ${target}: ${got}, not ${expected}`),
    ];
  },
  look({ isolation: view, network }) {
    if (network.at === "none") return ok("There is no network to be isolated from");
    switch (view.at) {
      case "unverified":
        return unknown("Not tried yet from inside a build's network");
      case "failed":
        return failed(`Could not be tried: ${view.because}`);
      case "verified": {
        const { findings } = view.report;
        const amiss = findings.filter(({ ok: isOk }) => !isOk);
        if (amiss.length === 0) return ok(`${findings.length} targets tried ${whereTried(findings)}`);
        const list = amiss.map(({ what, target, expected, got }) => `${what} at ${target} is ${got}, not ${expected}`);
        const more = list.length > 3 ? `; and ${list.length - 3} more` : "";
        const shown = `${list.slice(0, 3).join("; ")}${more}`;
        return failed(`From inside a build's network ${shown}: builder-agent doctor isolation shows all`);
      }
      default:
        return view satisfies never;
    }
  },
};

/**
 * Blocks only where the control plane requires the tailnet. A node through which builds get nowhere
 * yet is as good as none.
 */
export const tailnet: Check = {
  name: "tailnet",
  title: "Tailnet",
  blocking: false,
  neededByBuilds: true,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy: "Check the customer's credential and tags in the grant, and that the coordination server can be reached",
  evidence: ({ tailnet: view, desired }) => [
    view.at === "joined"
      ? `node ${view.membership.name}, ${view.membership.addresses.join(", ")}, tags ${view.membership.tags.join(", ")}`
      : `this machine as a node: ${view.at}`,
    desired === undefined
      ? "wanted: not known yet"
      : `wanted: ${desired.tailnet === undefined ? "no" : desired.tailnet.required ? "yes, required" : "yes, where it can be had"}`,
  ],
  look({ tailnet: view, desired, network }) {
    const wish = desired?.tailnet;
    const blocking = wish?.required === true;
    switch (view.at) {
      case "unknown":
        return { ...unknown("Not looked yet at what an earlier process may have left"), blocking };
      case "none":
        if (desired === undefined) return unknown("The control plane has not said yet whether it wants one");
        return wish === undefined ? ok("None is wanted") : failed("Not joined yet", { blocking });
      case "joining":
        return failed(`Joining: ${view.progress}`, { blocking });
      case "failed":
        return failed(`Not joined: ${view.because}`, { blocking });
      case "leaving":
        return wish === undefined ? ok(`Leaving: ${view.because}`) : failed(`Leaving: ${view.because}`, { blocking });
      case "joined": {
        if (!isOpenTo(network)) return failed("Joined; the guard opens to it now", { blocking });
        const { name, addresses, tags } = view.membership;
        return { ...ok(`Joined as ${name || addresses[0] || "a node"} (${tags.join(", ")})`), blocking };
      }
      default:
        return view satisfies never;
    }
  },
};
