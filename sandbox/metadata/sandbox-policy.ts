import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "smol-toml";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import type { StoodInKind } from "./kinds.ts";
import { CLUSTER, GCP_SERVICE_ACCOUNT, MACHINE } from "./machine.ts";
import { MEASURED } from "./nitro/attest.ts";
import type { StandIns } from "./stand-ins.ts";

/**
 * Writes the attestation policy that takes the stand-ins' word for machines of `ref`: for this kind
 * of evidence, and for no other. Gives its path.
 */
export async function writeSandboxPolicy(
  dir: string,
  kind: StoodInKind,
  ref: ProjectRef,
  standIns: StandIns,
): Promise<string> {
  const { awsDocumentPem, azureRootPem, nitroRootPem } = standIns.trusted;
  const files = { "aws.pem": awsDocumentPem, "azure-root.pem": azureRootPem, "nitro-root.pem": nitroRootPem };
  for (const [name, pem] of Object.entries(files)) await writeFile(join(dir, `attestation-${name}`), pem);
  const owner = { org: ref.org, project: ref.project };
  const jwksUrl = `${standIns.servers.jwks.url}/jwks`;
  const { aws, gcp, azure, fly, tokenUrl } = MACHINE;
  const account = aws.accountId;
  const regions = [aws.region];
  const webIdentity = { issuer: aws.issuer, jwksUrl, roles: [`arn:aws:iam::${account}:role/${aws.role}`], regions };
  const workload = { audience: "bound", claims: [{ path: ["sub"], allowed: [tokenUrl.subject] }], instance: ["sub"] };
  const sections = {
    "aws-web-identity": { awsWebIdentity: [{ owner, account, ...webIdentity }] },
    "aws-caller-identity": { awsCallerIdentity: [{ owner, account, roles: [aws.role], regions }] },
    "aws-instance-identity": {
      awsInstanceIdentity: [
        {
          ...{ owner, account, instances: "assumed-running" },
          certificateFiles: { [aws.region]: ["attestation-aws.pem"] },
        },
      ],
    },
    gcp: { gcp: [{ owner, jwksUrl, projects: [gcp.projectId], serviceAccounts: [GCP_SERVICE_ACCOUNT] }] },
    azure: { azure: [{ owner, rootFiles: ["attestation-azure-root.pem"], subscriptions: [azure.subscriptionId] }] },
    "nitro-tpm": {
      nitroTpm: [{ owner, image: "sandbox", rootFiles: ["attestation-nitro-root.pem"], pcrs: MEASURED }],
    },
    "oidc-socket": { fly: [{ owner, organization: fly.org, jwksUrl, apps: [fly.appId] }] },
    "oidc-url": { oidc: [{ owner, issuer: tokenUrl.issuer, jwksUrl, ...workload }] },
    "oidc-token": {
      kubernetes: [
        {
          ...{ owner, issuer: CLUSTER.issuer, jwksUrl },
          ...{ namespaces: [CLUSTER.namespace], serviceAccounts: [CLUSTER.serviceAccount] },
        },
      ],
    },
  } as const satisfies Record<Exclude<StoodInKind, "auto">, object>;
  const ofAuto = ["oidc-socket", "aws-web-identity", "gcp", "azure", "aws-caller-identity"] as const;
  const wanted = kind === "auto" ? ofAuto : [kind];
  const file = join(dir, "attestation.toml");
  await writeFile(file, stringify(Object.assign({}, ...wanted.map((one) => sections[one]))));
  return file;
}
