import { join } from "node:path";
import type { Config, IdentityConfig, Judged, NoticesConfig } from "./config.ts";
import type { Problem } from "./problem.ts";

export interface Completed {
  readonly config: Partial<Config>;
  readonly problems: readonly Problem[];
}

/**
 * Gives the defaults that depend on other values. `credentialsDir` is systemd's
 * $CREDENTIALS_DIRECTORY, which each unit has for itself.
 */
export function complete(judged: Partial<Judged>, credentialsDir: string | undefined): Completed {
  const { identity, notices, paths, ...rest } = judged;
  const proof = identity && identityOf(identity, credentialsDir);
  const config: Partial<Config> = {
    ...rest,
    ...(proof?.identity && { identity: proof.identity }),
    ...(identity && notices && { notices: noticesOf(notices, identity) }),
    ...(paths !== undefined && { paths: { ...paths, cacheDir: paths.cacheDir ?? join(paths.stateDir, "cache") } }),
  };
  return { config, problems: proof?.problems ?? [] };
}

/** Evidence and notices come from the same services. */
function noticesOf({ platform }: Judged["notices"], identity: Judged["identity"]): NoticesConfig {
  const { awsMetadataUrl, gcpMetadataUrl, azureMetadataUrl } = identity;
  return { platform, awsMetadataUrl, gcpMetadataUrl, azureMetadataUrl };
}

interface Proof {
  readonly identity?: IdentityConfig;
  readonly problems: readonly Problem[];
}

/** What the kind needs, from the flat keys of the file; or what is missing of it. */
function identityOf(judged: Judged["identity"], credentialsDir: string | undefined): Proof {
  const { kind, tokenFile: given, oidcUrl, nitroTpmAttest, ...platforms } = judged;
  switch (kind) {
    case "join-token":
    case "oidc-token": {
      const tokenFile = given ?? (credentialsDir ? join(credentialsDir, kind) : undefined);
      return tokenFile === undefined
        ? { problems: [noTokenFile(kind)] }
        : { identity: { kind, tokenFile }, problems: [] };
    }
    case "oidc-url":
      return oidcUrl === undefined
        ? { problems: [NO_TOKEN_URL] }
        : { identity: { kind, oidcUrl, ...(given !== undefined && { tokenFile: given }) }, problems: [] };
    case "nitro-tpm":
      return { identity: { kind, nitroTpmAttest }, problems: [] };
    case "auto":
    case "aws-caller-identity":
    case "aws-instance-identity":
    case "aws-web-identity":
    case "azure":
    case "gcp":
    case "oidc-socket":
      return { identity: { kind, ...platforms }, problems: [] };
    default:
      return kind satisfies never;
  }
}

const NO_TOKEN_URL: Problem = {
  key: "identity.oidcUrl",
  source: { from: "default" },
  found: "nothing",
  expected: "an https URL: identity.kind is oidc-url",
};

function noTokenFile(kind: string): Problem {
  const expected = `an absolute path, or a credential named ${kind} in $CREDENTIALS_DIRECTORY, which is not set`;
  return { key: "identity.tokenFile", source: { from: "default" }, found: "nothing", expected };
}
