import type { Identity } from "../../verifier/src/index.ts";
import type { Owner, WrittenPolicy } from "./schema.ts";

/** The most combinations of an entry's lists. */
const MOST_GRANTS = 20_000;

/** What one entry of a policy lets in: every combination of its lists, spelled as one text. */
export interface Grant {
  readonly path: readonly [keyof WrittenPolicy, number];
  readonly owner: Owner;
  /** Undefined: there are too many. */
  readonly names: readonly string[] | undefined;
}

export function grantsOf(written: WrittenPolicy): readonly Grant[] {
  return [
    ...grants("awsWebIdentity", written.awsWebIdentity, ({ account, roles, regions }) => [[account], roles, regions]),
    ...grants("awsCallerIdentity", written.awsCallerIdentity, ({ account, roles }) => [
      roles.map((role) => `${account}:${role}`),
    ]),
    ...grants("awsInstanceIdentity", written.awsInstanceIdentity, ({ account, certificateFiles }) => [
      [account],
      Object.keys(certificateFiles),
    ]),
    ...grants("gcp", written.gcp, ({ projects, serviceAccounts }) => [projects, serviceAccounts]),
    ...grants("azure", written.azure, ({ subscriptions }) => [subscriptions.map((one) => one.toLowerCase())]),
    ...grants("fly", written.fly, ({ organization, apps }) => [[flyIssuerOf(organization)], apps]),
    ...grants("kubernetes", written.kubernetes, ({ issuer, namespaces, serviceAccounts }) => [
      [issuer],
      namespaces,
      serviceAccounts,
    ]),
    ...grants("oidc", written.oidc, ({ issuer, claims }) => [
      // Without any claim the verifier lets nobody in.
      claims.length === 0 ? [] : [issuer],
      ...claims.map(({ allowed }) => allowed),
    ]),
    ...grants("nitroTpm", written.nitroTpm, ({ image }) => [[image]]),
  ];
}

/** The same text, of an identity that was verified. */
export function nameOf(identity: Identity): string {
  switch (identity.kind) {
    case "aws-web-identity":
      return spelled("aws-web-identity", [identity.account, identity.role, identity.region]);
    case "aws-caller-identity":
      return spelled("aws-caller-identity", [identity.role]);
    case "aws-instance-identity":
      return spelled("aws-instance-identity", [identity.account, identity.region]);
    case "gcp":
      return spelled("gcp", [identity.project, identity.serviceAccount]);
    case "azure":
      return spelled("azure", [identity.subscription]);
    case "oidc":
      return spelled("oidc", [identity.issuer, ...identity.values]);
    case "nitro-tpm":
      return spelled("nitro-tpm", [identity.image]);
    default:
      return identity satisfies never;
  }
}

function flyIssuerOf(organization: string): string {
  return `https://oidc.fly.io/${organization}`;
}

const KINDS = {
  awsWebIdentity: "aws-web-identity",
  awsCallerIdentity: "aws-caller-identity",
  awsInstanceIdentity: "aws-instance-identity",
  gcp: "gcp",
  azure: "azure",
  fly: "oidc",
  kubernetes: "oidc",
  oidc: "oidc",
  nitroTpm: "nitro-tpm",
} as const satisfies Record<keyof WrittenPolicy, Identity["kind"]>;

function grants<E extends { readonly owner: Owner }>(
  section: keyof WrittenPolicy,
  entries: readonly E[],
  listsOf: (entry: E) => readonly (readonly string[])[],
): readonly Grant[] {
  return entries.map((entry, index) => {
    const combinations = product(listsOf(entry));
    const names = combinations?.map((values) => spelled(KINDS[section], values));
    return { path: [section, index], owner: entry.owner, names };
  });
}

function product(lists: readonly (readonly string[])[]): readonly (readonly string[])[] | undefined {
  if (lists.reduce((size, { length }) => size * length, 1) > MOST_GRANTS) return undefined;
  return lists.reduce<readonly (readonly string[])[]>(
    (before, list) => before.flatMap((values) => list.map((value) => [...values, value])),
    [[]],
  );
}

function spelled(kind: Identity["kind"], values: readonly string[]): string {
  return JSON.stringify([kind, ...values]);
}
