import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Fetch } from "../../verifier/src/index.ts";
import { Owned } from "../tailnet/owned.ts";
import { azure } from "./azure.ts";
import { azureChain } from "./azure-chain.ts";
import { certify, pemOf } from "./document-authority.ts";
import { fly } from "./fly.ts";
import { gcp } from "./gcp.ts";
import { type ImdsSwitches, imds } from "./imds.ts";
import { jwks } from "./jwks.ts";
import { CLUSTER, MACHINE } from "./machine.ts";
import { MetadataServer } from "./metadata-server.ts";
import { nitroTool } from "./nitro/tool.ts";
import { PlatformNotices } from "./notices.ts";
import type { Replier } from "./reply.ts";
import type { ServiceName } from "./service-names.ts";
import type { JwtSigner } from "./sign-jwt.ts";
import { sts } from "./sts.ts";
import { stsOnLoopback } from "./sts-on-loopback.ts";
import { tokenUrl } from "./token-url.ts";

/** What a control plane has to know to believe these platforms. */
export interface Trusted {
  readonly awsDocumentPem: string;
  readonly azureRootPem: string;
  readonly nitroRootPem: string;
}

/**
 * Every platform at once, as one machine would see it if it were on all of them: on this machine's
 * loopback, a unix socket and a program.
 */
export class StandIns implements AsyncDisposable {
  readonly servers: Readonly<Record<ServiceName, MetadataServer>>;
  readonly imdsSwitches: ImdsSwitches;
  readonly clock: { offsetMs: number };
  readonly notices: PlatformNotices;
  readonly trusted: Trusted;
  /** How the control plane asks STS: a stand-in, and nobody else. */
  readonly fetch: Fetch;
  readonly flySocket: string;
  readonly nitroTpmAttest: string;
  /** Holds the bearer token for the token URL. */
  readonly bearerFile: string;
  /** The cluster's. */
  readonly cluster: JwtSigner;
  readonly #owned: AsyncDisposable;

  private constructor(parts: Omit<StandIns, "ports" | typeof Symbol.asyncDispose>, owned: AsyncDisposable) {
    this.servers = parts.servers;
    this.imdsSwitches = parts.imdsSwitches;
    this.clock = parts.clock;
    this.notices = parts.notices;
    this.trusted = parts.trusted;
    this.fetch = parts.fetch;
    this.flySocket = parts.flySocket;
    this.nitroTpmAttest = parts.nitroTpmAttest;
    this.bearerFile = parts.bearerFile;
    this.cluster = parts.cluster;
    this.#owned = owned;
  }

  /** @param dir short, for a socket; of this user alone. */
  static async open(dir: string): Promise<StandIns> {
    const owned = new Owned();
    const clock = { offsetMs: 0 };
    const now = (): number => Date.now() + clock.offsetMs;
    const notices = new PlatformNotices(now);
    const serve = (replier: Replier, socketPath?: string): Promise<MetadataServer> =>
      owned.add(MetadataServer.listen({ replier, now, ...(socketPath !== undefined && { socketPath }) }));
    try {
      const [document, chain, nitro] = await Promise.all([
        certify({ name: `EC2 ${MACHINE.aws.region}`, key: "RSA" }),
        azureChain(),
        nitroTool(dir),
      ]);
      const signers = { es384: es384(), rs256: rs256() };
      const instance = { ...MACHINE.aws, session: session(), signer: document, startedMs: Date.now(), notices, now };
      const ec2 = imds(instance);
      const security = sts({ instance, issuer: MACHINE.aws.issuer, signer: signers.es384, now });
      const bearer = randomBytes(24).toString("base64url");
      const [bearerFile, flySocket] = [join(dir, "token-url-bearer"), join(dir, "fly.sock")];
      await writeFile(bearerFile, bearer, { mode: 0o600 });
      const rs256Signed = { signer: signers.rs256, now };
      const servers = {
        imds: await serve(ec2.replier),
        sts: await serve(security.replier),
        gcp: await serve(gcp({ ...MACHINE.gcp, ...rs256Signed, notices })),
        azure: await serve(azure({ ...MACHINE.azure, signer: chain.signer, notices, now })),
        certificates: await serve(chain.replier),
        fly: await serve(fly({ ...MACHINE.fly, ...rs256Signed }), flySocket),
        "token-url": await serve(tokenUrl({ ...MACHINE.tokenUrl, ...rs256Signed, bearer, form: "value" })),
        jwks: await serve(jwks(CLUSTER.issuer, [signers.es384, signers.rs256])),
      };
      const trusted = {
        awsDocumentPem: pemOf(document),
        azureRootPem: pemOf(chain.root),
        nitroRootPem: nitro.rootPem,
      };
      const parts = { servers, imdsSwitches: ec2.switches, clock, notices, trusted, flySocket, bearerFile };
      const stsFetch = stsOnLoopback(MACHINE.aws.region, servers.sts.url);
      return new StandIns({ ...parts, fetch: stsFetch, nitroTpmAttest: nitro.path, cluster: signers.rs256 }, owned);
    } catch (failure) {
      await owned[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** Of this machine's loopback: where the agent has to be let to. */
  get ports(): readonly number[] {
    const { fly: _socket, ...others } = this.servers;
    return Object.values(others).map(({ url }) => Number(new URL(url).port));
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#owned[Symbol.asyncDispose]();
  }
}

function es384(): JwtSigner {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  return { algorithm: "ES384", kid: "sandbox-es384", privateKey };
}

function rs256(): JwtSigner {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { algorithm: "RS256", kid: "sandbox-rs256", privateKey };
}

function session() {
  return {
    role: MACHINE.aws.role,
    accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString("base64"),
    sessionToken: randomBytes(60).toString("base64"),
  };
}
