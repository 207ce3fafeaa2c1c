import { grantsOf } from "./grants.ts";
import type { LoadedPolicy } from "./load.ts";
import type { Owner, WrittenPolicy } from "./schema.ts";

/** What an entry of a policy lets in, for a person or a program. */
export interface DescribedEntry {
  /** identity.kind of the agents that it is for. */
  readonly kind: string;
  readonly owner: Owner;
  /** By name: an issuer, and what is allowed. */
  readonly allows: Readonly<Record<string, string>>;
  /** Why it lets nobody in. */
  readonly nobody?: string;
  /** What somebody should know who writes it. */
  readonly warning?: string;
}

export function describePolicy({ written }: LoadedPolicy): readonly DescribedEntry[] {
  const grants = new Map(grantsOf(written).map(({ path, names }) => [path.join("."), names ?? []]));
  return Object.entries(SECTIONS).flatMap(([section, describe]) =>
    describe(written).map((entry, index): DescribedEntry => {
      const isNobody = grants.get(`${section}.${index}`)?.length === 0;
      return { ...entry, ...(isNobody && { nobody: "one of its lists is empty" }) };
    }),
  );
}

export function inWords({ kind, owner, allows, nobody, warning }: DescribedEntry): string {
  const { org, project, architecture } = owner;
  const whose = architecture === undefined ? `${org}/${project}` : `${org}/${project} (${architecture})`;
  const what = Object.entries(allows).map(([name, value]) => `    ${name}: ${value}`);
  return [
    `${kind} → ${whose}${nobody === undefined ? "" : `: nobody, ${nobody}`}`,
    ...what,
    ...(warning === undefined ? [] : [`    ! ${warning}`]),
  ].join("\n");
}

const listed = (values: readonly string[]): string => values.join(", ") || "none";
const keysOf = ({ jwksUrl, jwksFile }: { readonly jwksUrl?: string; readonly jwksFile?: string }): string =>
  jwksUrl ?? jwksFile ?? "none";

const SECTIONS: { readonly [S in keyof WrittenPolicy]: (written: WrittenPolicy) => readonly DescribedEntry[] } = {
  awsWebIdentity: (written) =>
    written.awsWebIdentity.map(({ owner, issuer, account, roles, regions, ...keys }) => ({
      kind: "aws-web-identity",
      owner,
      allows: { issuer, keys: keysOf(keys), account, roles: listed(roles), regions: listed(regions) },
    })),
  awsCallerIdentity: (written) =>
    written.awsCallerIdentity.map(({ owner, account, roles, regions }) => ({
      kind: "aws-caller-identity",
      owner,
      allows: { account, roles: listed(roles), "STS in": listed(regions) },
      warning: "it proves the role: nobody but EC2 (ec2.amazonaws.com) may be able to assume it",
    })),
  awsInstanceIdentity: (written) =>
    written.awsInstanceIdentity.map(({ owner, account, certificateFiles }) => ({
      kind: "aws-instance-identity",
      owner,
      allows: { account, regions: listed(Object.keys(certificateFiles)) },
      warning: "bound to nothing: who copies the document of an instance within 15 minutes of its start may come first",
    })),
  gcp: (written) =>
    written.gcp.map(({ owner, projects, serviceAccounts, ...keys }) => ({
      kind: "gcp",
      owner,
      allows: { keys: keysOf(keys), projects: listed(projects), "service accounts": listed(serviceAccounts) },
    })),
  azure: (written) =>
    written.azure.map(({ owner, signer, rootFiles, intermediateFiles, subscriptions }) => ({
      kind: "azure",
      owner,
      allows: {
        signer,
        roots: listed(rootFiles),
        intermediates: listed(intermediateFiles),
        subscriptions: listed(subscriptions),
      },
    })),
  fly: (written) =>
    written.fly.map(({ owner, organization, apps, ...keys }) => ({
      kind: "oidc-socket",
      owner,
      allows: { organization, keys: keysOf(keys), apps: listed(apps) },
    })),
  kubernetes: (written) =>
    written.kubernetes.map(({ owner, issuer, namespaces, serviceAccounts, ...keys }) => ({
      kind: "oidc-token",
      owner,
      allows: {
        issuer,
        keys: keysOf(keys),
        namespaces: listed(namespaces),
        "service accounts": listed(serviceAccounts),
      },
      warning: "bound to nothing but the audience: whoever reads a pod's token file may use it while it is good",
    })),
  oidc: (written) =>
    written.oidc.map(({ owner, issuer, audience, claims, ...keys }) => ({
      kind: audience === "bound" ? "oidc-url" : "oidc-token",
      owner,
      allows: {
        issuer,
        keys: keysOf(keys),
        audience,
        ...Object.fromEntries(claims.map(({ path, allowed }) => [path.join("."), listed(allowed)])),
      },
    })),
  nitroTpm: (written) =>
    written.nitroTpm.map(({ owner, image, rootFiles, pcrs }) => ({
      kind: "nitro-tpm",
      owner,
      allows: { image, roots: listed(rootFiles), PCRs: listed(Object.keys(pcrs)) },
      warning: "it proves the image, not whose machine it is: whoever can start this image is let in",
    })),
};
