import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect as connectPlain, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { nodeHandshakeBytes } from "../../agent/adapters/handshake-bytes/node-handshake-bytes.ts";
import { certificateReader } from "../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import { connectToGateway } from "../../agent/adapters/link/client.ts";
import { listenForControl } from "../../agent/adapters/link/server.ts";
import { nodeOwnBuffers } from "../../agent/adapters/own-buffers/node-own-buffers.ts";
import { nodeGauges } from "../../agent/adapters/runtime-gauges/node-gauges.ts";
import { nodePeerReader } from "../../agent/adapters/x509/peer-reader.ts";
import { KEYS } from "../../agent/cli/config/keys.ts";
import type { AllowSet, Grant } from "../../agent/core/allow-set.ts";
import { runGateway } from "../../agent/gateway/gateway.ts";
import { DEFAULT_LIMITS, type GatewayLimits } from "../../agent/gateway/limits.ts";
import type { Clock } from "../../agent/ports/clock.ts";
import type { Gateway, GatewayEvent } from "../../agent/ports/gateway.ts";
import type { KeyMaker } from "../../agent/ports/keys.ts";
import type { OwnBuffers } from "../../agent/ports/own-buffers.ts";
import type { PeerReader } from "../../agent/ports/peer-reader.ts";
import type { NetworkPlace } from "../../sandbox/net/place.ts";
import type { CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import type { CertificateProfile } from "../../sandbox/pki/certificate-profile.ts";
import { AgentProcess } from "../cli/agent-process.ts";
import { FarEnd } from "./far-end.ts";
import { Sightings } from "./sightings.ts";
import { WatchedLog } from "./watched-log.ts";

export const TRUST_DOMAIN = "builds.test";
export const HOUR_MS = 60 * 60_000;

/** A gateway that does not end by itself fails its test, and is gone. */
const STOP_DEADLINE_MS = 10_000;

export interface RigOptions {
  readonly limits?: Partial<GatewayLimits>;
  readonly serve?: (socket: Socket) => void;
  readonly clock?: Clock;
  readonly peers?: PeerReader;
  readonly keys?: KeyMaker;
  readonly buffers?: OwnBuffers;
  /** The real program instead of the same code in this process: then `log` stays empty. */
  readonly asProcess?: boolean;
  /** Of the real program: the network that it is in. */
  readonly place?: NetworkPlace;
  /** Of the real program: nobody reads its log. */
  readonly logReader?: "stalled";
  /** What stands behind is no BuildKit: bytes pass unread, unless a test is about them. */
  readonly calls?: "judged" | "any";
  /** Do not certify the gateway, and tell it nothing. */
  readonly bare?: boolean;
}

export type EventOf<Is extends GatewayEvent["is"]> = Extract<GatewayEvent, { readonly is: Is }>;

/**
 * A gateway with everything real around it: sockets, TLS, the link. The test is control, the
 * clients, and what stands behind.
 */
export class Rig implements AsyncDisposable {
  readonly ca: CertificateAuthority;
  readonly far: FarEnd;
  readonly log = new WatchedLog();
  readonly events = new Sightings<GatewayEvent>();
  readonly clock: Clock;
  readonly control: Gateway;
  readonly linkPath: string;
  port = 0;
  /** Of the gateway's own process, if it has one. */
  pid = 0;
  #revision = 0n;
  #grants = new Map<string, Grant>();
  readonly #dir: string;
  readonly #gateway = new AbortController();
  readonly #attended = new AbortController();
  readonly #localPorts = new WeakMap<TLSSocket, Promise<number>>();
  readonly #sockets = new Set<TLSSocket>();
  #ran: Promise<void> = Promise.resolve();

  private constructor(dir: string, ca: CertificateAuthority, far: FarEnd, clock: Clock) {
    this.#dir = dir;
    this.ca = ca;
    this.far = far;
    this.clock = clock;
    this.linkPath = join(dir, "run", "gateway", "gateway.sock");
    this.control = connectToGateway({ path: this.linkPath, clock: systemClock(), log: this.log });
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const dir = await mkdtemp(join(tmpdir(), "gateway-"));
    for (const each of ["gateway", "buildkit"]) await mkdir(join(dir, "run", each), { recursive: true });
    const ca = await CertificateAuthority.create({ name: "build CA" });
    const far = await FarEnd.listen(join(dir, "run", "buildkit", "buildkitd.sock"), options.serve);
    const rig = new Rig(dir, ca, far, options.clock ?? systemClock());
    await rig.#run(options);
    return rig;
  }

  /** Grants as they are now, changed by `change`; resolves when the gateway has them in force. */
  async allow(change: Partial<AllowSet> = {}): Promise<void> {
    const revision = this.send(change);
    await this.events.first((event) => event.is === "applied" && event.revision === revision);
  }

  /** Like `allow`, without waiting. */
  send(change: Partial<AllowSet> = {}): bigint {
    this.#revision += 1n;
    const allowSet: AllowSet = {
      revision: this.#revision,
      epoch: "epoch",
      trustDomain: TRUST_DOMAIN,
      buildCas: [this.ca.certPem],
      grants: this.#grants,
      closed: new Map(),
      admission: { at: "open" },
      confirmedAt: this.clock.now(),
      ...change,
    };
    this.#grants = new Map(allowSet.grants);
    this.control.allow(allowSet);
    return this.#revision;
  }

  /** Lets build `buildId` in, and gives back a certificate for it. */
  async open(buildId = "b1", grant: Partial<Grant> = {}): Promise<CertificateWithKey> {
    await this.allow({ grants: new Map([...this.#grants, [buildId, grantFor(buildId, grant)]]) });
    return this.issue(buildId);
  }

  issue(buildId: string, profile: CertificateProfile = {}): Promise<CertificateWithKey> {
    return this.ca.issue({ name: buildId, uriSans: [uriOf(buildId)], ...profile });
  }

  grantsWithout(...buildIds: readonly string[]): Map<string, Grant> {
    return new Map([...this.#grants].filter(([buildId]) => !buildIds.includes(buildId)));
  }

  /** A TLS client; destroyed with the rig. Errors are kept quiet: tests look at `close`. */
  connect(
    certificate?: { readonly chainPem: string; readonly keyPem: string },
    options: ConnectionOptions & { readonly halfOpen?: boolean; readonly localPort?: number } = {},
  ): TLSSocket {
    const { halfOpen = false, port = this.port, localPort: from, ...tls } = options;
    const wire = connectPlain({
      host: "127.0.0.1",
      port,
      allowHalfOpen: halfOpen,
      ...(from === undefined ? {} : { localPort: from }),
    });
    wire.on("error", () => undefined);
    const localPort = new Promise<number>((resolve) => {
      wire.once("connect", () => resolve(wire.localPort ?? 0)).once("close", () => resolve(0));
    });
    const socket = connect({
      socket: wire,
      servername: "localhost",
      ca: this.ca.certPem,
      ...(certificate === undefined ? {} : { cert: certificate.chainPem, key: certificate.keyPem }),
      ...tls,
    });
    this.#sockets.add(socket);
    this.#localPorts.set(socket, localPort);
    socket.on("close", () => {
      wire.destroy();
      this.#sockets.delete(socket);
    });
    socket.on("error", () => undefined);
    return socket;
  }

  /**
   * The client's own port: by it the gateway's logs and records name it. 0 if it never connected.
   */
  async localPort(client: TLSSocket): Promise<number> {
    return (await this.#localPorts.get(client)) ?? 0;
  }

  eventOf<Is extends GatewayEvent["is"]>(
    is: Is,
    holds: (event: EventOf<Is>) => boolean = () => true,
    from = 0,
  ): Promise<EventOf<Is>> {
    return this.events.first((event): event is EventOf<Is> => event.is === is && holds(event as EventOf<Is>), from);
  }

  /** Control goes away, and the gateway stays. */
  dismiss(): void {
    this.#attended.abort();
  }

  /** Stops the gateway, as SIGTERM does. */
  async stop(): Promise<void> {
    this.#gateway.abort();
    await this.#ran;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.stop();
    this.#attended.abort();
    await this.far.deserted();
    await this.far[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #run(options: RigOptions): Promise<void> {
    if (options.asProcess === true) this.#runAsProcess(options);
    else await this.#runInProcess(options);
    void this.#attend(options.bare ?? false);
    const stats = await this.eventOf("stats", ({ stats }) => stats.address !== undefined);
    this.port = Number(stats.stats.address?.split(":").at(-1));
    if (options.bare) return;
    this.send();
    await this.eventOf("stats", (event) => event.stats.listening);
  }

  /** The compiled program, as the service manager starts it. */
  #runAsProcess({ logReader, calls, limits, place }: RigOptions): void {
    const variables = {
      BUILDER_AGENT_PATHS_RUNTIME_DIR: join(this.#dir, "run"),
      BUILDER_AGENT_PATHS_STATE_DIR: join(this.#dir, "state"),
      BUILDER_AGENT_GATEWAY_LISTEN: "127.0.0.1:0",
      BUILDER_AGENT_GATEWAY_CALLS: calls ?? "any",
      ...limitsAsVariables(limits ?? {}),
    };
    const agent = AgentProcess.start(["gateway"], variables, place);
    if (logReader === "stalled") agent.child.stdout?.pause();
    this.pid = agent.child.pid ?? 0;
    this.#gateway.signal.addEventListener("abort", () => {
      agent.signal("SIGTERM");
      setTimeout(() => agent.signal("SIGKILL"), STOP_DEADLINE_MS).unref();
    });
    this.#ran = (async () => {
      const { code, err } = await agent.ended;
      if (code !== 0) throw new Error(`The gateway ended with ${code}: ${err}`);
    })();
  }

  async #runInProcess(options: RigOptions): Promise<void> {
    const gauges = nodeGauges();
    const link = await listenForControl({ path: this.linkPath, log: this.log });
    this.#ran = runGateway({
      listen: { host: "127.0.0.1", port: 0 },
      link,
      keys: options.keys ?? keyMaker(),
      certificates: certificateReader(),
      peers: options.peers ?? nodePeerReader(),
      gauges,
      bytes: nodeHandshakeBytes(),
      buffers: options.buffers ?? nodeOwnBuffers(),
      unit: { ready() {}, tell() {}, replaced() {} },
      clock: this.clock,
      log: this.log,
      droppedLogLines: () => 0,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      calls: options.calls ?? "any",
      succeeds: false,
      buildkitSocket: this.far.path,
      signal: this.#gateway.signal,
    }).finally(() => gauges[Symbol.dispose]());
  }

  async #attend(bare: boolean): Promise<void> {
    for await (const event of this.control.events(this.#attended.signal)) {
      if (event.is === "hello" && !bare) await this.certify(event.request);
      this.events.see(event);
    }
  }

  /** What the control plane does with the gateway's request. */
  async certify(request: { readonly der: Uint8Array; readonly spkiSha256: string }): Promise<void> {
    const { chainPem } = await this.ca.certify(
      { csrDer: request.der },
      { name: "gateway", dnsSans: ["localhost"], extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] },
    );
    this.control.certify(request.spkiSha256, chainPem);
  }
}

function limitsAsVariables(limits: Partial<GatewayLimits>): Record<string, string> {
  return Object.fromEntries(
    KEYS.flatMap(({ section, name, variable }) => {
      const limit = section === "gateway" ? new Map(Object.entries(limits)).get(name) : undefined;
      return limit === undefined ? [] : [[variable, String(limit)]];
    }),
  );
}

export function uriOf(buildId: string, { org = "acme", project = "app", domain = TRUST_DOMAIN } = {}): string {
  return `spiffe://${domain}/org/${org}/project/${project}/build/${buildId}`;
}

export function grantFor(buildId: string, change: Partial<Grant> = {}): Grant {
  return { buildId, orgId: "acme", projectId: "app", expiresAtMs: Date.now() + HOUR_MS, ...change };
}
