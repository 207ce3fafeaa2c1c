import { askedMetadata } from "../../agent/adapters/evidence/metadata/asked-metadata.ts";
import { candidates } from "../../agent/adapters/notices/platforms.ts";
import type { Notice, PlatformName } from "../../agent/core/notices/notice.ts";
import { azure } from "../../sandbox/metadata/azure.ts";
import { gcp } from "../../sandbox/metadata/gcp.ts";
import { type ImdsSwitches, imds } from "../../sandbox/metadata/imds.ts";
import { MACHINE } from "../../sandbox/metadata/machine.ts";
import { MetadataServer } from "../../sandbox/metadata/metadata-server.ts";
import { PlatformNotices } from "../../sandbox/metadata/notices.ts";
import { documentSigner, rs256Signer } from "../evidence/stage/keys.ts";

/** Made once: RSA keys are slow to make. */
const signers = { document: await documentSigner("metadata.example"), rsa: rs256Signer() };

/** The three platforms that give notices, each on this machine's loopback. */
export class NoticeStage implements AsyncDisposable {
  readonly notices: PlatformNotices;
  readonly switches: ImdsSwitches;
  readonly servers: Readonly<Record<PlatformName, MetadataServer>>;

  private constructor(parts: Pick<NoticeStage, "notices" | "switches" | "servers">) {
    ({ notices: this.notices, switches: this.switches, servers: this.servers } = parts);
  }

  /** @param aheadMs by how much the platforms' clocks differ from this machine's. */
  static async open(aheadMs = 0): Promise<NoticeStage> {
    const now = (): number => Date.now() + aheadMs;
    const notices = new PlatformNotices(now);
    const ec2 = imds({ ...MACHINE.aws, signer: signers.document, notices, now });
    const servers = {
      aws: await MetadataServer.listen({ replier: ec2.replier, now }),
      gcp: await MetadataServer.listen({ replier: gcp({ ...MACHINE.gcp, signer: signers.rsa, notices }), now }),
      azure: await MetadataServer.listen({
        replier: azure({ ...MACHINE.azure, signer: signers.document, notices }),
        now,
      }),
    };
    return new NoticeStage({ notices, switches: ec2.switches, servers });
  }

  get places() {
    const { aws, gcp: google, azure: microsoft } = this.servers;
    return { awsMetadataUrl: aws.url, gcpMetadataUrl: google.url, azureMetadataUrl: microsoft.url };
  }

  platform(name: PlatformName) {
    return candidates(askedMetadata, this.places)[name];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of Object.values(this.servers)) await server[Symbol.asyncDispose]();
  }
}

/** Everything that a platform says at one look. */
export async function lookAt(
  platform: { readonly lines: readonly { look(signal: AbortSignal): Promise<readonly Notice[]> }[] },
  signal = new AbortController().signal,
): Promise<readonly Notice[]> {
  const all: Notice[] = [];
  for (const line of platform.lines) all.push(...(await line.look(signal)));
  return all;
}
