import { type Finding, finding } from "./health.ts";
import type { TailnetWish } from "./tailnet/wish.ts";
import { type IsolationView, isOpenTo, type NetworkView, type TailnetView } from "./views.ts";

export function buildNetwork(view: NetworkView): Finding {
  switch (view.at) {
    case "waiting":
      return finding("build-network", true, false, "Waits for the control plane to say what builds may reach");
    case "none":
      return finding("build-network", true, true, "Builds have no network, as this machine is configured");
    case "failed":
      return finding("build-network", true, false, `Cannot be made as it is wanted: ${view.because}`);
    case "applied": {
      const { ipv4, ipv6, resolvers, tailnet: at } = view.network;
      const nameless = resolvers.length === 0 && at === "closed";
      const names = nameless ? "; this machine has no resolver that builds could ask, so they have no names" : "";
      return finding("build-network", true, true, `Builds have ${ipv4} and ${ipv6}, guarded${names}`);
    }
    default:
      return view satisfies never;
  }
}

export function isolation(view: IsolationView, network: NetworkView): Finding {
  if (network.at === "none") return finding("isolation", true, true, "There is no network to be isolated from");
  switch (view.at) {
    case "unverified":
      return finding("isolation", true, false, "Not tried yet from inside a build's network");
    case "failed":
      return finding("isolation", true, false, `Could not be tried: ${view.because}`);
    case "verified": {
      const { findings } = view.report;
      const amiss = findings.filter(({ ok }) => !ok);
      if (amiss.length === 0)
        return finding("isolation", true, true, `${findings.length} targets tried from inside a build's network`);
      const list = amiss.map(({ what, target, expected, got }) => `${what} at ${target} is ${got}, not ${expected}`);
      return finding(
        "isolation",
        true,
        false,
        `From inside a build's network ${list.slice(0, 3).join("; ")}${list.length > 3 ? `; and ${list.length - 3} more` : ""}: builder-agent doctor isolation shows all`,
      );
    }
    default:
      return view satisfies never;
  }
}

/** Blocks only where the control plane requires the tailnet. A node through which builds get nowhere yet is as good as none. */
export function tailnet(view: TailnetView, wish: TailnetWish | undefined, network: NetworkView): Finding {
  const required = wish?.required === true;
  switch (view.at) {
    case "unknown":
    case "none":
      return wish === undefined
        ? finding("tailnet", false, true, "None is wanted")
        : finding("tailnet", required, false, "Not joined yet");
    case "joining":
      return finding("tailnet", required, false, `Joining: ${view.progress}`);
    case "failed":
      return finding("tailnet", required, false, `Not joined: ${view.because}`);
    case "leaving":
      return finding("tailnet", required, wish === undefined, `Leaving: ${view.because}`);
    case "joined": {
      if (!isOpenTo(network)) return finding("tailnet", required, false, "Joined; the guard opens to it now");
      const { name, addresses, tags } = view.membership;
      return finding("tailnet", required, true, `Joined as ${name || addresses[0] || "a node"} (${tags.join(", ")})`);
    }
    default:
      return view satisfies never;
  }
}
