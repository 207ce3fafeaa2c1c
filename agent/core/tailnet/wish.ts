import type { Secret } from "../secret.ts";

/** Of which tailnet this machine shall be a node. Only its shape is checked. */
export interface TailnetWish {
  /** Another one: join anew. */
  readonly grantId: string;
  /** Absent: Tailscale's own. */
  readonly coordinationUrl?: string;
  readonly apiUrl?: string;
  readonly credential: TailnetCredential;
  /** "tag:…"; at least one. */
  readonly tags: readonly string[];
  readonly acceptRoutes: boolean;
  /** A failure refuses builds, or is only told. */
  readonly required: boolean;
}

export type TailnetCredential =
  | { readonly kind: "auth-key"; readonly key: Secret }
  | { readonly kind: "oauth-client"; readonly clientId: string; readonly clientSecret: Secret }
  /** The machine's own OIDC token, with this audience, is exchanged. */
  | { readonly kind: "workload-identity"; readonly clientId: string; readonly audience: string }
  | { readonly kind: "none" };

/**
 * The same join: nothing but the wish whether it is required differs. Secrets count only by what
 * they are for.
 */
export function sameJoin(a: TailnetWish | undefined, b: TailnetWish | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.grantId === b.grantId &&
    a.coordinationUrl === b.coordinationUrl &&
    a.apiUrl === b.apiUrl &&
    a.credential.kind === b.credential.kind &&
    a.tags.join(" ") === b.tags.join(" ") &&
    a.acceptRoutes === b.acceptRoutes
  );
}

/** A node of a tailnet: this one. */
export interface TailnetMembership {
  readonly grantId: string;
  /** As the coordination server and its API know it (LocalAPI's `Self.ID`). */
  readonly nodeId: string;
  /** MagicDNS name without the last dot; "" where the tailnet has no MagicDNS. */
  readonly name: string;
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  /** MagicDNS' own domain, for builds' search list; "" if there is none. */
  readonly magicDnsSuffix: string;
  /** Subnet routes that peers offer, whether they are accepted or not: CIDRs. */
  readonly offeredRoutes: readonly string[];
  /** Whether those are accepted now. */
  readonly acceptsRoutes: boolean;
}
