import { join } from "node:path";
import type { RelayAddress } from "../derp-relay.ts";

/** The domain that MagicDNS' names of a sandbox's tailnet end in. */
const BASE_DOMAIN = "tailnet.test";

/**
 * An ephemeral node that is not heard of for so long is removed. headscale wants more than 65 s.
 */
const EPHEMERAL_GRACE = "70s";

/** headscale's configuration: all of it in `dir`, nothing of the internet. */
export function headscaleConfig(options: {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
}): object {
  const { dir, host, port } = options;
  const listen = `${host}:${port}`;
  return {
    server_url: `http://${listen}`,
    listen_addr: listen,
    // Unused; headscale insists on listening.
    metrics_listen_addr: `${host}:0`,
    grpc_listen_addr: `${host}:0`,
    grpc_allow_insecure: false,
    unix_socket: join(dir, "headscale.sock"),
    unix_socket_permission: "0700",
    noise: { private_key_path: join(dir, "noise.key") },
    database: { type: "sqlite", sqlite: { path: join(dir, "db.sqlite"), write_ahead_log: true } },
    prefixes: { v4: "100.64.0.0/10", v6: "fd7a:115c:a1e0::/48", allocation: "sequential" },
    derp: {
      server: { enabled: false },
      urls: [],
      paths: [join(dir, "relays.yaml")],
      auto_update_enabled: false,
      update_frequency: "24h",
    },
    policy: { mode: "file", path: join(dir, "policy.json") },
    dns: {
      magic_dns: true,
      base_domain: BASE_DOMAIN,
      override_local_dns: false,
      nameservers: { global: [], split: {} },
      search_domains: [],
    },
    // It gathers changes for 0.8 s, which suits a tailnet of thousands.
    tuning: { batch_change_delay: "10ms" },
    log: { level: "info", format: "json" },
    ephemeral_node_inactivity_timeout: EPHEMERAL_GRACE,
    disable_check_updates: true,
    logtail: { enabled: false },
    randomize_client_port: false,
  };
}

/** The one relay that there is, as headscale reads it: YAML, for its keys are numbers. */
export function relayMap({ host, port }: RelayAddress): string {
  const node = {
    name: "900a",
    regionid: 900,
    hostname: host,
    ipv4: host,
    ipv6: "none",
    derpport: port,
    stunport: port,
  };
  // Its certificate is signed by itself.
  const nodes = [{ ...node, insecurefortests: true }];
  return `regions:\n  900: ${JSON.stringify({ regionid: 900, regioncode: "sandbox", regionname: "Sandbox", nodes })}\n`;
}

/**
 * Who may what in the tailnet, in the form that headscale and Tailscale share:
 * https://tailscale.com/kb/1337/policy-syntax
 */
export interface TailnetPolicy {
  readonly tagOwners: Readonly<Record<string, readonly string[]>>;
  readonly autoApprovers?: { readonly routes: Readonly<Record<string, readonly string[]>> };
  readonly acls: readonly {
    readonly action: "accept";
    readonly src: readonly string[];
    readonly dst: readonly string[];
  }[];
}
