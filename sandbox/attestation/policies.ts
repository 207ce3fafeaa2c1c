import {
  CachedKeys,
  flyIssuer,
  type IssuerKeys,
  jwksAt,
  kubernetesIssuer,
  type Policies,
} from "../../verifier/src/index.ts";
import type { LoadedPolicy } from "./load.ts";

/** What the verifier takes, entries of one issuer together. Whose machine it is, is not in it. */
export function policiesOf(loaded: LoadedPolicy, now: () => number): Policies {
  const { written } = loaded;
  const keysOf = keysIn(loaded, now);
  const pems = (names: readonly string[]): readonly string[] =>
    names.flatMap((name) => loaded.certificates.get(name) ?? []);
  const { awsWebIdentity, awsCallerIdentity, awsInstanceIdentity, gcp, azure, nitroTpm } = written;
  const [google] = gcp;
  const [cloud] = azure;
  return {
    "aws-web-identity": {
      accounts: groups(awsWebIdentity, ({ issuer }) => issuer).map(([first, all]) => ({
        account: first.account,
        issuer: first.issuer,
        keys: keysOf(first),
        roles: all.flatMap(({ roles }) => roles),
        regions: all.flatMap(({ regions }) => regions),
      })),
    },
    "aws-caller-identity": {
      accounts: awsCallerIdentity.map(({ account }) => account),
      roles: awsCallerIdentity.flatMap(({ account, roles }) => roles.map((role) => `${account}:${role}`)),
      regions: awsCallerIdentity.flatMap(({ regions }) => regions),
    },
    ...(awsInstanceIdentity.length > 0 && {
      "aws-instance-identity": {
        accounts: awsInstanceIdentity.map(({ account }) => account),
        certificates: byRegion(awsInstanceIdentity, pems),
        // As the policy had to say: "assumed-running".
        isRunning: () => Promise.resolve(true),
        // The control plane knows the keys of its machines; there is no other.
        knownKey: () => Promise.resolve(undefined),
      },
    }),
    ...(google !== undefined && {
      gcp: {
        keys: keysOf(google),
        projects: gcp.flatMap(({ projects }) => projects),
        serviceAccounts: gcp.flatMap(({ serviceAccounts }) => serviceAccounts),
      },
    }),
    ...(cloud !== undefined && {
      azure: {
        signer: cloud.signer,
        roots: pems(cloud.rootFiles),
        intermediates: pems(azure.flatMap(({ intermediateFiles }) => intermediateFiles)),
        subscriptions: azure.flatMap(({ subscriptions }) => subscriptions),
      },
    }),
    oidc: { issuers: issuersOf(written, keysOf) },
    ...(nitroTpm.length > 0 && {
      "nitro-tpm": {
        roots: pems(nitroTpm.flatMap(({ rootFiles }) => rootFiles)),
        images: nitroTpm.map(({ image, pcrs }) => ({ name: image, pcrs })),
      },
    }),
  };
}

type KeysOf = (entry: { readonly jwksUrl?: string; readonly jwksFile?: string }) => IssuerKeys;

function issuersOf({ fly, kubernetes, oidc }: LoadedPolicy["written"], keysOf: KeysOf) {
  return [
    ...groups(fly, ({ organization }) => organization).map(([first, all]) =>
      flyIssuer({
        organization: first.organization,
        keys: keysOf(first),
        apps: all.flatMap(({ apps }) => apps),
      }),
    ),
    ...groups(kubernetes, ({ issuer }) => issuer).map(([first, all]) =>
      kubernetesIssuer({
        issuer: first.issuer,
        keys: keysOf(first),
        namespaces: all.flatMap(({ namespaces }) => namespaces),
        serviceAccounts: all.flatMap(({ serviceAccounts }) => serviceAccounts),
      }),
    ),
    ...oidc.map(({ issuer, algorithms, audience, claims, instance, singleUse, mostLifetimeS, ...entry }) => ({
      ...{ issuer, algorithms, audience, claims, mostLifetimeS },
      keys: keysOf(entry),
      instancePath: instance,
      isSingleUse: singleUse,
    })),
  ];
}

/** One provider for each URL, whichever entries name it. */
function keysIn({ keySets }: LoadedPolicy, now: () => number): KeysOf {
  const providers = new Map<string, CachedKeys>();
  return ({ jwksUrl: url, jwksFile: file }) => {
    const set = file === undefined ? undefined : keySets.get(file);
    if (set !== undefined) return set;
    if (url === undefined) return { keys: [] };
    const provider = providers.get(url) ?? new CachedKeys({ load: jwksAt(url, fetch), now });
    providers.set(url, provider);
    return provider;
  };
}

function byRegion(
  entries: LoadedPolicy["written"]["awsInstanceIdentity"],
  pems: (names: readonly string[]) => readonly string[],
): Readonly<Record<string, readonly string[]>> {
  const regions = new Set(entries.flatMap(({ certificateFiles }) => Object.keys(certificateFiles)));
  return Object.fromEntries(
    [...regions].map((region) => [region, pems(entries.flatMap(({ certificateFiles: files }) => files[region] ?? []))]),
  );
}

/** In order, each group with its first. */
function groups<E>(entries: readonly E[], keyOf: (entry: E) => string): readonly (readonly [E, readonly E[]])[] {
  const found = new Map<string, [E, E[]]>();
  for (const entry of entries) {
    const group = found.get(keyOf(entry));
    if (group === undefined) found.set(keyOf(entry), [entry, [entry]]);
    else group[1].push(entry);
  }
  return [...found.values()];
}
