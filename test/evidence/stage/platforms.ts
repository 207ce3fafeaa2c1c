import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AzureInstance, azure } from "../../../sandbox/metadata/azure.ts";
import { fly } from "../../../sandbox/metadata/fly.ts";
import { gcp } from "../../../sandbox/metadata/gcp.ts";
import { type ImdsInstance, type ImdsSwitches, imds, type RoleSession } from "../../../sandbox/metadata/imds.ts";
import { jwks } from "../../../sandbox/metadata/jwks.ts";
import { MetadataServer } from "../../../sandbox/metadata/metadata-server.ts";
import type { DocumentSigner } from "../../../sandbox/metadata/sign-document.ts";
import type { JwtSigner } from "../../../sandbox/metadata/sign-jwt.ts";
import { type StsSwitches, sts } from "../../../sandbox/metadata/sts.ts";
import { tokenUrl } from "../../../sandbox/metadata/token-url.ts";
import { documentSigner, es384Signer, rs256Signer } from "./keys.ts";

export const ISSUERS = {
  aws: "https://0e5b4ac1-3f0f-4d4e-9d2f-3a5a6b1c2d3e.tokens.sts.global.api.aws",
  gcp: "https://accounts.google.com",
  fly: "https://oidc.fly.io/acme",
  url: "https://issuer.example",
} as const;

/** Made once: RSA keys are slow to make. */
const signers = {
  sts: es384Signer(),
  rsa: rs256Signer(),
  document: await documentSigner("metadata.example"),
};

export interface PlatformChanges {
  /** False: no instance profile is attached. */
  readonly hasRole?: boolean;
  readonly stsNow?: () => number;
}

/** Stand-ins for every platform at once, each on this machine's loopback or a unix socket. */
export class Platforms implements AsyncDisposable {
  readonly imds: MetadataServer;
  readonly imdsSwitches: ImdsSwitches;
  readonly sts: MetadataServer;
  readonly stsSwitches: StsSwitches;
  readonly gcp: MetadataServer;
  readonly azure: MetadataServer;
  readonly fly: MetadataServer;
  readonly url: MetadataServer;
  readonly jwks: Readonly<Record<keyof typeof ISSUERS, MetadataServer>>;
  readonly session: RoleSession;
  readonly bearer: string;
  readonly folder: string;

  private constructor(parts: Omit<Platforms, "places" | "all" | "signers" | typeof Symbol.asyncDispose>) {
    ({
      imds: this.imds,
      imdsSwitches: this.imdsSwitches,
      sts: this.sts,
      stsSwitches: this.stsSwitches,
      gcp: this.gcp,
      azure: this.azure,
      fly: this.fly,
      url: this.url,
      jwks: this.jwks,
      session: this.session,
      bearer: this.bearer,
      folder: this.folder,
    } = parts);
  }

  static async open({ hasRole = true, stsNow = Date.now }: PlatformChanges = {}): Promise<Platforms> {
    const folder = await mkdtemp(join(tmpdir(), "evidence-"));
    const session: RoleSession = {
      role: "builder",
      accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
      secretAccessKey: `canary-secret-${randomBytes(20).toString("hex")}`,
      sessionToken: `canary-session-${randomBytes(40).toString("hex")}`,
    };
    const bearer = `canary-bearer-${randomBytes(20).toString("hex")}`;
    await writeFile(join(folder, "bearer"), bearer, { mode: 0o600 });
    const instance: ImdsInstance & { session: RoleSession } = {
      accountId: "111122223333",
      instanceId: "i-0123456789abcdef0",
      region: "eu-central-1",
      signer: signers.document,
      session,
    };
    const { session: _none, ...withoutRole } = instance;
    const ec2 = imds(hasRole ? instance : withoutRole);
    const aws = sts({ instance, issuer: ISSUERS.aws, signer: signers.sts, now: stsNow });
    const issuer = (of: keyof typeof ISSUERS): Promise<MetadataServer> =>
      MetadataServer.listen({ replier: jwks(ISSUERS[of], [of === "aws" ? signers.sts : signers.rsa]) });
    return new Platforms({
      imds: await MetadataServer.listen({ replier: ec2.replier }),
      imdsSwitches: ec2.switches,
      sts: await MetadataServer.listen({ replier: aws.replier, now: stsNow }),
      stsSwitches: aws.switches,
      gcp: await MetadataServer.listen({ replier: gcp({ ...GCP, signer: signers.rsa }) }),
      azure: await MetadataServer.listen({ replier: azure({ ...AZURE, signer: signers.document }) }),
      fly: await MetadataServer.listen({
        replier: fly({ org: "acme", app: "builders", appId: "4711", machineId: "e2865013f24908", signer: signers.rsa }),
        socketPath: join(folder, "fly.sock"),
      }),
      url: await MetadataServer.listen({
        replier: tokenUrl({ issuer: ISSUERS.url, subject: "machine:1", signer: signers.rsa, bearer }),
      }),
      jwks: { aws: await issuer("aws"), gcp: await issuer("gcp"), fly: await issuer("fly"), url: await issuer("url") },
      session,
      bearer,
      folder,
    });
  }

  /** Where the agent is to ask: as the configuration says it. */
  get places() {
    return {
      awsMetadataUrl: this.imds.url,
      stsUrl: this.sts.url,
      gcpMetadataUrl: this.gcp.url,
      azureMetadataUrl: this.azure.url,
      oidcSocket: join(this.folder, "fly.sock"),
      oidcUrl: `${this.url.url}/token?api-version=2`,
      tokenFile: join(this.folder, "bearer"),
    };
  }

  get signers(): { readonly sts: JwtSigner; readonly rsa: JwtSigner; readonly document: DocumentSigner } {
    return signers;
  }

  get all(): readonly MetadataServer[] {
    return [this.imds, this.sts, this.gcp, this.azure, this.fly, this.url];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [...this.all, ...Object.values(this.jwks)]) await server[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const GCP = {
  projectId: "acme-builders",
  projectNumber: 123_456_789_012,
  zone: "europe-west4-a",
  instanceId: "8087716956832600000",
  instanceName: "builder-1",
};
const AZURE: Omit<AzureInstance, "signer"> = {
  vmId: "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
  subscriptionId: "8d10da13-8125-4ba9-a717-bf7490507b3d",
};

/**
 * Stands in for nitro-tpm-attest: COSE_Sign1's beginning, then what it was given, as its document
 * has it. `script` is what else it does.
 */
export async function attestTool(folder: string, script = ""): Promise<string> {
  const path = join(folder, `attest-${randomBytes(4).toString("hex")}`);
  const body = `#!/bin/sh\n[ "$1" = --nonce ] && [ "$3" = --public-key ] || exit 2\n${script}\nprintf '\\204\\104'\ncat "$4" "$2"\n`;
  await writeFile(path, body);
  await chmod(path, 0o755);
  return path;
}
