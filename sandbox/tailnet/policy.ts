import type { KeyOrder } from "./api/coordination.ts";
import type { TailnetPolicy } from "./headscale/config.ts";
import { USER } from "./headscale/headscale.ts";

/** What a builder's node is tagged with. */
export const BUILDER_TAG = "tag:builder";

/**
 * As a careful customer would have it: builders reach the customer's nodes and what lies behind
 * them, and nobody reaches a builder.
 */
export function careful(routes: readonly string[]): TailnetPolicy {
  const owner = `${USER}@`;
  const everything = [`${owner}:*`, ...routes.map((cidr) => `${cidr}:*`)];
  return {
    tagOwners: { [BUILDER_TAG]: [owner] },
    autoApprovers: { routes: Object.fromEntries(routes.map((cidr) => [cidr, [owner]])) },
    acls: [{ action: "accept", src: [BUILDER_TAG, owner], dst: everything }],
  };
}

export interface BuilderKeyOptions {
  readonly tags?: readonly string[];
  /** Default 300 s; 1 ms makes one that has expired when it arrives. */
  readonly lifetimeMs?: number;
  readonly ephemeral?: boolean;
}

const KEY_LIFETIME_MS = 300_000;

/** What a builder's key is, unless told otherwise. */
export function builderKey(options: BuilderKeyOptions = {}): KeyOrder {
  const { tags = [BUILDER_TAG], lifetimeMs = KEY_LIFETIME_MS, ephemeral = true } = options;
  return { tags, ephemeral, reusable: false, expiresAt: new Date(Date.now() + lifetimeMs) };
}
