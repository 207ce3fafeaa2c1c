import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer as createListener, type Server, type Socket } from "node:net";
import { createServer as createTls, type TLSSocket, type Server as TlsServer } from "node:tls";
import { certificateReader } from "../../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../../agent/adapters/keys/key-maker.ts";
import { nodePeerReader } from "../../../agent/adapters/x509/peer-reader.ts";
import type { AllowSet } from "../../../agent/core/allow-set.ts";
import type { Instant } from "../../../agent/core/instant.ts";
import type { SessionEnding, SessionOpening } from "../../../agent/core/session.ts";
import { type Grounds, Policy } from "../../../agent/gateway/policy.ts";
import { presentedBy } from "../../../agent/gateway/presented.ts";
import { Serving } from "../../../agent/gateway/serving.ts";
import { tlsOptions } from "../../../agent/gateway/tls-options.ts";
import { Queue } from "../../../agent/lifecycle/queue.ts";
import type { Clock } from "../../../agent/ports/clock.ts";
import type { Gateway, GatewayEvent } from "../../../agent/ports/gateway.ts";
import type { Log } from "../../../agent/ports/log.ts";
import type { AnchorCa } from "../../../agent/ports/peer-reader.ts";

/** What a client hears first once it is let in, as BuildKit's settings frame is. */
export const WELCOME = "+";

interface Session {
  readonly socket: TLSSocket;
  readonly opening: SessionOpening;
  readonly grounds: Grounds;
  readonly openedMonoMs: number;
}

const NO_FLIGHT = () => ({ records: new Uint8Array(), suite: "", secret: new Uint8Array() });

/**
 * A gateway in the agent's own process, with an echo in BuildKit's place. Who may come in is judged
 * by the real gateway's code: its TLS options, its keys, its policy. What guards a real door
 * against strangers and judges calls is left out.
 */
export class EchoGateway implements Gateway, AsyncDisposable {
  readonly #clock: Clock;
  readonly #serving: Serving;
  readonly #policy: Policy;
  readonly #onApplied: (revision: bigint) => void;
  readonly #listener: Server;
  readonly #runId = randomUUID();
  readonly #raw = new Set<Socket>();
  readonly #sessions = new Map<string, Session>();
  #news: Queue<GatewayEvent> | undefined;
  /** Of the certificate and the CAs that are in force; made when the first client comes. */
  #tls: { readonly server: TlsServer; readonly cas: readonly AnchorCa[] } | undefined;
  #accepted = 0;
  #refused = 0;
  #isShut = false;

  private constructor(parts: { clock: Clock; log: Log; serving: Serving; onApplied: (revision: bigint) => void }) {
    this.#clock = parts.clock;
    this.#serving = parts.serving;
    this.#policy = new Policy(nodePeerReader(), parts.log);
    this.#onApplied = parts.onApplied;
    this.#listener = createListener((socket) => this.#arrive(socket));
  }

  /** @param parts.onApplied is told each revision at the moment when it is in force. */
  static async open(parts: {
    readonly clock: Clock;
    readonly log: Log;
    readonly onApplied: (revision: bigint) => void;
  }): Promise<EchoGateway> {
    const serving = await Serving.begin(keyMaker(), certificateReader());
    const gateway = new EchoGateway({ ...parts, serving });
    gateway.#listener.listen(0, "127.0.0.1");
    await once(gateway.#listener, "listening");
    return gateway;
  }

  /** Of loopback. */
  get port(): number {
    const address = this.#listener.address();
    return typeof address === "object" && address !== null ? address.port : Number.NaN;
  }

  events(signal: AbortSignal): AsyncIterable<GatewayEvent> {
    this.#news = new Queue();
    const { certificate, request } = this.#serving;
    const open = [...this.#sessions.values()].map(({ opening }) => opening);
    const { applied } = this.#policy;
    this.#tell({
      is: "hello",
      runId: this.#runId,
      request,
      ...(certificate !== undefined && { servingNotAfterMs: certificate.notAfterMs }),
      ...(applied !== undefined && { applied }),
      open,
      closed: [],
    });
    this.#tellStats();
    return this.#news.drain(signal);
  }

  allow(allowSet: AllowSet): void {
    this.#isShut = false;
    this.#policy.take(allowSet);
    const { wallMs } = this.#clock.now();
    for (const session of this.#sessions.values()) {
      const standing = this.#policy.standing(session.grounds, wallMs);
      if (!standing.stands) this.#close(session, standing.ending);
    }
    this.#onApplied(allowSet.revision);
    this.#tell({ is: "applied", revision: allowSet.revision, epoch: allowSet.epoch });
  }

  confirm(at: Instant): void {
    this.#policy.confirm(at);
  }

  certify(keySpkiSha256: string, chainPem: string): void {
    const { notAfterMs } = this.#serving.certify(keySpkiSha256, chainPem);
    this.#tls = undefined;
    this.#tell({ is: "certified", notAfterMs });
    this.#tellStats();
  }

  rotateKey(): void {
    this.#serving.rotate(
      (request) => this.#tell({ is: "request", request }),
      (failure) => {
        throw failure;
      },
    );
  }

  cutAll(): void {
    this.#isShut = true;
    const sessions = this.#sessions.size;
    for (const session of this.#sessions.values()) this.#close(session, "drain-deadline");
    this.#tell({ is: "cut", sessions });
  }

  /** There is one, as long as its machine. */
  retire(): void {}

  acknowledge(): void {
    // What was told is not kept here: it cannot get lost within one process.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const socket of this.#raw) socket.destroy();
    if (this.#listener.listening) await once(this.#listener, "close");
  }

  #arrive(socket: Socket): void {
    this.#raw.add(socket);
    socket.once("close", () => this.#raw.delete(socket));
    socket.on("error", () => socket.destroy());
    const tls = this.#tlsInForce();
    if (tls === undefined || this.#isShut) socket.destroy();
    else tls.server.emit("connection", socket);
  }

  #tlsInForce(): { readonly server: TlsServer; readonly cas: readonly AnchorCa[] } | undefined {
    const { certificate } = this.#serving;
    const { cas } = this.#policy;
    if (certificate === undefined || cas.length === 0) return undefined;
    if (this.#tls?.cas === cas) return this.#tls;
    const server = createTls(tlsOptions(certificate, cas), (socket) => this.#secured(socket, cas));
    server.on("tlsClientError", (_failure, socket) => socket.destroy());
    this.#tls = { server, cas };
    return this.#tls;
  }

  #secured(socket: TLSSocket, cas: readonly AnchorCa[]): void {
    socket.on("error", () => socket.destroy());
    const now = this.#clock.now();
    const presented = presentedBy({ socket, cas, flight: NO_FLIGHT }, nodePeerReader(), now);
    const judgement = this.#policy.judge(presented, cas, now);
    if (!judgement.admitted) {
      this.#refused += 1;
      this.#tellStats();
      socket.destroy();
      return;
    }
    this.#accepted += 1;
    const { grounds } = judgement;
    const opening: SessionOpening = {
      sessionId: `${this.#runId}.${this.#accepted}`,
      build: grounds.build,
      peer: `${socket.remoteAddress}:${socket.remotePort}`,
      certificateSerial: grounds.certificate.serial,
      keySpkiSha256: grounds.certificate.spkiSha256,
      openedAtMs: now.wallMs,
    };
    const session = { socket, opening, grounds, openedMonoMs: now.monoMs };
    this.#sessions.set(opening.sessionId, session);
    this.#tell({ is: "opened", opening });
    socket.once("close", () => this.#close(session, "client-closed"));
    socket.write(WELCOME);
    socket.pipe(socket);
  }

  #close({ socket, opening, openedMonoMs }: Session, ending: SessionEnding): void {
    if (!this.#sessions.delete(opening.sessionId)) return;
    const durationMs = Math.round(this.#clock.now().monoMs - openedMonoMs);
    const bytes = { bytesFromClient: socket.bytesRead, bytesToClient: socket.bytesWritten };
    socket.destroy();
    this.#tell({ is: "closed", summary: { ...opening, durationMs, ...bytes, ending, detail: "" } });
  }

  #tell(event: GatewayEvent): void {
    this.#news?.push(event);
  }

  #tellStats(): void {
    this.#tell({
      is: "stats",
      stats: {
        listening: this.#serving.certificate !== undefined,
        address: `127.0.0.1:${this.port}`,
        accepted: this.#accepted,
        refused: { "not-let-in": this.#refused },
        refusedCalls: {},
        pendingHandshakes: 0,
        openSessions: this.#sessions.size,
        bytesFromClients: 0,
        bytesToClients: 0,
        residentBytes: 0,
        eventLoopDelayP99Ms: 0,
        recordsDropped: 0,
        linkFaults: 0,
        logLinesDropped: 0,
        copiedSessions: 0,
        progress: [],
      },
    });
  }
}
