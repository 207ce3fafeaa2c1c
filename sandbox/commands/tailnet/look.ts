import { resolve } from "node:path";
import { createAuthKey } from "../../tailnet/headscale/keys.ts";
import { type HeadscaleNode, listedNodes } from "../../tailnet/headscale/nodes.ts";
import { builderKey } from "../../tailnet/policy.ts";
import { readTailnet } from "../../tailnet/record.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

export async function listNodes(options: InDir, { out, paint }: Terminal): Promise<void> {
  const { headscale } = await readTailnet(resolve(options.dir));
  const nodes = await listedNodes(headscale);
  if (options.json === true) return out(JSON.stringify(nodes, null, 2));
  for (const node of nodes) out(`${paint("bold", node.name)}  ${node.addresses.join(" ")}  ${remarks(node)}`);
}

export async function mintKey(options: InDir, { out }: Terminal): Promise<void> {
  const { headscale } = await readTailnet(resolve(options.dir));
  out((await createAuthKey(headscale, builderKey())).key);
}

function remarks({ tags, online, ephemeral, approvedRoutes }: HeadscaleNode): string {
  const routes = approvedRoutes.length === 0 ? "" : `the way to ${approvedRoutes.join(" ")}`;
  return [...tags, online ? "online" : "offline", ephemeral ? "ephemeral" : "", routes].filter(Boolean).join("  ");
}
