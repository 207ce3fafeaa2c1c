import { askHeadscale, nodesShape } from "./command-line.ts";
import type { RunningHeadscale } from "./keys.ts";

export interface HeadscaleNode {
  /** The same as `Self.ID` of the node's LocalAPI. */
  readonly id: string;
  /** The first part of its MagicDNS name. */
  readonly name: string;
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  readonly online: boolean;
  readonly ephemeral: boolean;
  /** CIDRs. */
  readonly approvedRoutes: readonly string[];
  readonly offeredRoutes: readonly string[];
}

export async function listedNodes(server: Omit<RunningHeadscale, "userId">): Promise<readonly HeadscaleNode[]> {
  const nodes = nodesShape.parse(await askHeadscale(server.program, server.configFile, ["nodes", "list"])) ?? [];
  return nodes.map((node) => ({
    id: `${node.id}`,
    name: node.given_name,
    addresses: node.ip_addresses,
    tags: node.forced_tags,
    online: node.online,
    ephemeral: node.pre_auth_key?.ephemeral ?? false,
    approvedRoutes: node.approved_routes,
    offeredRoutes: node.available_routes,
  }));
}
