import { AgentError } from "../../core/errors.ts";
import type { TailnetMembership } from "../../core/tailnet/wish.ts";
import type { DaemonStatus } from "./daemon-status.ts";

export function membershipOf(
  grantId: string,
  { nodeId, name, addresses, tags, magicDnsSuffix, offeredRoutes }: DaemonStatus,
  acceptsRoutes: boolean,
): TailnetMembership {
  return { grantId, nodeId, name, addresses, tags, magicDnsSuffix, offeredRoutes, acceptsRoutes };
}

/** An untagged node would be a person's, with a person's reach. */
export function tagsMissing(wanted: readonly string[], { tags }: Pick<DaemonStatus, "tags">): AgentError | undefined {
  const missing = wanted.filter((tag) => !tags.includes(tag));
  if (missing.length === 0) return undefined;
  const has = tags.length === 0 ? "has no tag" : `has only ${tags.join(", ")}`;
  return new AgentError(
    "tailnet.tags-missing",
    `The tailnet took this machine in, but without ${missing.join(", ")}: the node ${has}. Make an auth key that carries the tags`,
    { retryable: false },
  );
}
