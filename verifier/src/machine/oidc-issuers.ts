import type { IssuerKeys } from "../jwt/key-provider.ts";
import { MOST_LIFETIME_S, type OidcIssuer } from "./oidc.ts";

/** Fly.io: its socket gives a token for any audience, so it is bound. `apps`: ids, not names. */
export function flyIssuer(fly: {
  readonly organization: string;
  readonly keys: IssuerKeys;
  readonly apps: readonly string[];
}): OidcIssuer {
  return {
    issuer: `https://oidc.fly.io/${fly.organization}`,
    keys: fly.keys,
    algorithms: ["RS256"],
    audience: "bound",
    claims: [{ path: ["app_id"], allowed: fly.apps }],
    instancePath: ["machine_id"],
    isSingleUse: true,
    mostLifetimeS: MOST_LIFETIME_S,
  };
}

/**
 * A projected token of a pod: the kubelet writes it, so its audience is fixed, and the same token
 * serves until it is replaced. The agent starts anew with it, so it may come more than once.
 */
export function kubernetesIssuer(cluster: {
  readonly issuer: string;
  readonly keys: IssuerKeys;
  readonly namespaces: readonly string[];
  readonly serviceAccounts: readonly string[];
}): OidcIssuer {
  return {
    issuer: cluster.issuer,
    keys: cluster.keys,
    algorithms: ["RS256", "ES256"],
    audience: "plain",
    claims: [
      { path: ["kubernetes.io", "namespace"], allowed: cluster.namespaces },
      { path: ["kubernetes.io", "serviceaccount", "name"], allowed: cluster.serviceAccounts },
    ],
    instancePath: ["kubernetes.io", "pod", "uid"],
    isSingleUse: false,
    // What kubelets ask for by default is seven seconds more than an hour.
    mostLifetimeS: MOST_LIFETIME_S + 7,
  };
}
