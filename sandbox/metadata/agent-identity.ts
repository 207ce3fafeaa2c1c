import type { StoodInKind } from "./kinds.ts";
import type { StandIns } from "./stand-ins.ts";

/**
 * The section [identity] of an agent that asks the stand-ins.
 * @param projectedTokenFile where the cluster writes the pod's token.
 */
export function agentIdentity(
  kind: StoodInKind,
  { servers, flySocket, nitroTpmAttest, bearerFile }: StandIns,
  projectedTokenFile: string,
): Readonly<Record<string, string>> {
  const aws = { awsMetadataUrl: servers.imds.url };
  const azure = { azureMetadataUrl: servers.azure.url, azureCertificatesUrl: servers.certificates.url };
  const web = { ...aws, stsUrl: servers.sts.url };
  switch (kind) {
    case "auto":
      return { kind, ...web, ...azure, gcpMetadataUrl: servers.gcp.url, oidcSocket: flySocket };
    case "aws-web-identity":
      return { kind, ...web };
    case "aws-caller-identity":
    case "aws-instance-identity":
      return { kind, ...aws };
    case "gcp":
      return { kind, gcpMetadataUrl: servers.gcp.url };
    case "azure":
      return { kind, ...azure };
    case "nitro-tpm":
      return { kind, nitroTpmAttest };
    case "oidc-socket":
      return { kind, oidcSocket: flySocket };
    case "oidc-url":
      return { kind, oidcUrl: `${servers["token-url"].url}/token`, tokenFile: bearerFile };
    case "oidc-token":
      return { kind, tokenFile: projectedTokenFile };
    default:
      return kind satisfies never;
  }
}
