import type { Grant } from "../../../agent/core/allow-set.ts";
import type { BuildkitSettings, DesiredState, DrainOrder, TrustBundle } from "../../../agent/core/desired-state.ts";
import { DEFAULT_EGRESS } from "../../../agent/core/network/order.ts";
import { PlaneError } from "../../../agent/core/plane-status.ts";
import type { TailnetWish } from "../../../agent/core/tailnet/wish.ts";
import type {
  Challenge,
  ControlPlane,
  FromPlane,
  Hello,
  PlaneStream,
  Registered,
  Registration,
  Renewal,
  Renewed,
  Timed,
  ToPlane,
} from "../../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../../agent/ports/keys.ts";
import { issue, readCertificate } from "./keys.ts";
import type { Life } from "./life.ts";
import { Mailbox } from "./mailbox.ts";
import { RecordShelf } from "./record-shelf.ts";
import type { Stage } from "./stage.ts";

const HEARTBEAT_MS = 25_000;
const LATENCY_MS = 10;
const CALL_MS = 30;
const HOUR_MS = 3_600_000;

/** What a machine meets when it calls. */
export type Reach =
  | { readonly at: "up" }
  /** Nobody answers. */
  | { readonly at: "down" }
  /** Streams open, and nothing ever comes. */
  | { readonly at: "silent" }
  /** Something between us and the control plane answers in its place, without any mark of it. */
  | { readonly at: "intermediary"; readonly status: string };

export interface Issuing {
  readonly lifetimeMs: number;
  readonly backdatedMs: number;
  /** Nothing that is issued outlives this, by the control plane's clock. */
  readonly caEndsAtMs: number;
}

export const USUAL_ISSUING: Issuing = {
  lifetimeMs: HOUR_MS,
  backdatedMs: 60_000,
  caEndsAtMs: Number.POSITIVE_INFINITY,
};

const USUAL_SETTINGS: BuildkitSettings = {
  reservedSpaceBytes: 0,
  maxUsedSpaceBytes: 0,
  minFreeSpaceBytes: 0,
  maxParallelism: 0,
  registryMirrors: new Map(),
  historyMaxAgeMs: 86_400_000,
  stepLogMaxBytes: 0,
  stepLogMaxBytesPerSecond: 0,
};

const TRUST: TrustBundle = { trustDomain: "builds.example", buildCas: ["-"] };

interface Stream {
  readonly life: Life;
  readonly mailbox: Mailbox<FromPlane>;
  readonly isMute: boolean;
}

/**
 * The control plane that this machine belongs to: what it wants, what it has heard, and how it can
 * be reached.
 */
export class SimulatedControlPlane {
  readonly #stage: Stage;
  readonly shelf: RecordShelf;
  reach: Reach = { at: "up" };
  issuing: Issuing = USUAL_ISSUING;
  /** Its clock, beside the true time. */
  clockAheadMs = 0;
  /** So many of the next acknowledgements are lost on their way. */
  acksToLose = 0;
  /** So many of the next batches of records are lost on their way. */
  batchesToLose = 0;
  /** So many of the next renewals fail. */
  renewalsToFail = 0;
  /** The newest certificate that reached this machine; undefined: it has none. */
  #held: { readonly notAfterMs: number } | undefined;
  /** A clock set between a challenge and its answer is nothing that a machine could know. */
  #goodAtChallengeMs = 0;
  /** This machine's certificate is unknown to it until it registers anew. */
  hasForgotten = false;
  settings: BuildkitSettings = USUAL_SETTINGS;
  tailnet: TailnetWish | undefined;
  drain: DrainOrder | undefined;
  #epochs = 1;
  #revision = 1n;
  readonly #grants = new Map<string, Grant>();
  readonly #closed = new Map<string, "ended" | "revoked">();
  #stream: Stream | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.shelf = new RecordShelf(stage);
    const beat = (): void => {
      this.#send(this.#stream);
      stage.clock.at(HEARTBEAT_MS, beat);
    };
    stage.clock.at(HEARTBEAT_MS, beat);
  }

  get revision(): bigint {
    return this.#revision;
  }

  get epoch(): string {
    return `epoch-${this.#epochs}`;
  }

  get isAttached(): boolean {
    return this.#stream !== undefined;
  }

  get unread(): number {
    return this.#stream?.mailbox.size ?? 0;
  }

  get nowMs(): number {
    return this.#stage.clock.trueWallMs + this.clockAheadMs;
  }

  get builds(): readonly string[] {
    return [...this.#grants.keys()];
  }

  has(buildId: string): boolean {
    return this.#grants.has(buildId);
  }

  grant(buildId: string, forMs: number): void {
    const expiresAtMs = this.#stage.clock.trueWallMs + forMs;
    this.#grants.set(buildId, { buildId, orgId: "acme", projectId: "app", expiresAtMs });
    this.#stage.trace.note({ is: "build-granted", buildId, expiresAtMs });
    this.change();
  }

  close(buildId: string, as: "ended" | "revoked"): void {
    if (!this.#grants.delete(buildId)) return;
    this.#closed.set(buildId, as);
    const [oldest] = this.#closed.keys();
    if (this.#closed.size > 50 && oldest !== undefined) this.#closed.delete(oldest);
    this.#stage.trace.note({ is: "build-over", buildId, as });
    this.change();
  }

  /** Something in what it wants is another: sends it at once. */
  change(): void {
    this.#revision += 1n;
    this.#send(this.#stream);
  }

  /** It lost its count, not its builds. */
  restart(): void {
    this.#epochs += 1;
    this.#revision = 1n;
    this.drop(new PlaneError("Attach", "UNAVAILABLE", "the control plane restarts"));
  }

  /** The stream breaks; what is under way is lost. */
  drop(failure?: Error): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = undefined;
    stream.mailbox.close(failure);
    this.#stage.trace.note({ is: "detached" });
  }

  port(life: Life): ControlPlane {
    return {
      getChallenge: (signal) => this.#call("GetChallenge", life, signal, () => this.#challenge()),
      register: (request, signal) => this.#call("Register", life, signal, () => this.#register(request)),
      renew: (identity, request, signal) =>
        this.#call("RenewCertificates", life, signal, () => this.#renew(identity, request)),
      attach: (identity, _hello: Hello, signal) => this.#attach(identity, life, signal),
    };
  }

  #challenge(): Challenge {
    this.#goodAtChallengeMs = this.#goodForMs();
    return { nonce: new Uint8Array(16), expiresAtMs: this.nowMs + 300_000, audience: "control-plane" };
  }

  /** The machine starts anew: of what it was given nothing is left. */
  lost(): void {
    this.#held = undefined;
  }

  #register({ machineRequest, servingRequest }: Registration): Registered {
    this.#stage.trace.note({ is: "registered", goodForMs: Math.min(this.#goodForMs(), this.#goodAtChallengeMs) });
    this.hasForgotten = false;
    const machineChainPem = this.#issue(machineRequest.spkiSha256);
    this.#held = readCertificate(machineChainPem);
    return {
      machineId: "m1",
      machineChainPem,
      ...(servingRequest && { servingChainPem: this.#issue(servingRequest.spkiSha256) }),
      trust: TRUST,
    };
  }

  #goodForMs(): number {
    return this.hasForgotten ? 0 : Math.max(0, (this.#held?.notAfterMs ?? 0) - this.nowMs);
  }

  #renew(identity: MachineIdentity, { machineRequest, servingRequest }: Renewal): Renewed {
    if (this.renewalsToFail > 0) {
      this.renewalsToFail -= 1;
      throw new PlaneError("RenewCertificates", "UNAVAILABLE", "try again");
    }
    this.#check(identity, "RenewCertificates");
    this.#stage.trace.note({ is: "renewed" });
    const machineChainPem = machineRequest && this.#issue(machineRequest.spkiSha256);
    if (machineChainPem !== undefined) this.#held = readCertificate(machineChainPem);
    return {
      ...(machineChainPem !== undefined && { machineChainPem }),
      ...(servingRequest && { servingChainPem: this.#issue(servingRequest.spkiSha256) }),
      trust: TRUST,
    };
  }

  #check(identity: MachineIdentity, call: string): void {
    if (!this.hasForgotten && this.nowMs < identity.notAfterMs) return;
    this.#stage.trace.note({ is: "time-told" });
    throw new PlaneError(call, "UNAUTHENTICATED", "this certificate is not known", { planeTimeMs: this.nowMs });
  }

  #issue(key: string): string {
    const { lifetimeMs, backdatedMs, caEndsAtMs } = this.issuing;
    const nowMs = this.nowMs;
    const notAfterMs = Math.max(nowMs + 1_000, Math.min(nowMs + lifetimeMs, caEndsAtMs));
    return issue({ key, notBeforeMs: nowMs - backdatedMs, notAfterMs });
  }

  async #call<T extends object>(
    call: "GetChallenge" | "Register" | "RenewCertificates",
    life: Life,
    signal: AbortSignal,
    answer: () => T,
  ): Promise<T & Timed> {
    this.#stage.trace.note({ is: "called", call });
    await this.#stage.clock.wait(CALL_MS);
    if (!life.isAlive) return life.never();
    if (signal.aborted) throw new PlaneError(call, "CANCELLED", "the caller went away");
    const { reach } = this;
    if (reach.at === "down") throw new PlaneError(call, "UNAVAILABLE", "connection refused");
    if (reach.at === "silent") throw new PlaneError(call, "DEADLINE_EXCEEDED", "no answer");
    if (reach.at === "intermediary") throw this.#unmarked(call, reach.status);
    this.#stage.trace.note({ is: "answered" });
    this.#stage.trace.note({ is: "time-told" });
    return { ...answer(), planeTimeMs: this.nowMs };
  }

  #unmarked(call: string, status: string): PlaneError {
    this.#stage.trace.note({ is: "refused-unmarked", status });
    return new PlaneError(call, status, "");
  }

  #attach(identity: MachineIdentity, life: Life, signal: AbortSignal): PlaneStream {
    this.#stage.trace.note({ is: "called", call: "Attach" });
    const mailbox = new Mailbox<FromPlane>();
    const { reach } = this;
    const stream: Stream = { life, mailbox, isMute: reach.at === "silent" };
    this.#stage.clock.at(CALL_MS, () => this.#open(stream, identity, reach, signal));
    life.onEnd(() => {
      if (this.#stream === stream) this.drop();
    });
    signal.addEventListener("abort", () => {
      if (this.#stream === stream) this.drop();
    });
    return { incoming: mailbox.read(signal), send: (message) => this.#hear(stream, message) };
  }

  #open(stream: Stream, identity: MachineIdentity, reach: Reach, signal: AbortSignal): void {
    if (!stream.life.isAlive || signal.aborted) return;
    if (reach.at === "down") return stream.mailbox.close(new PlaneError("Attach", "UNAVAILABLE", "connection refused"));
    if (reach.at === "intermediary") return stream.mailbox.close(this.#unmarked("Attach", reach.status));
    try {
      this.#check(identity, "Attach");
    } catch (failure) {
      return stream.mailbox.close(failure as Error);
    }
    this.drop(new PlaneError("Attach", "ABORTED", "a second stream of this machine took its place"));
    this.#stream = stream;
    if (stream.isMute) return;
    this.#stage.trace.note({ is: "answered" });
    this.#stage.trace.note({ is: "attached" });
    this.#send(stream);
  }

  #send(stream: Stream | undefined): void {
    if (stream === undefined || stream.isMute || this.reach.at === "silent") return;
    this.#deliver(stream, { is: "desired", state: this.#desired() });
  }

  #deliver(stream: Stream, message: FromPlane): void {
    this.#stage.clock.at(LATENCY_MS, () => {
      if (this.#stream !== stream || !stream.life.isAlive) return;
      if (message.is === "desired") {
        const { epoch, revision, grants, drain } = message.state;
        const drainGraceMs = drain !== undefined && { drainGraceMs: drain.graceMs };
        this.#stage.trace.note({
          is: "desired-arrived",
          epoch,
          revision,
          granted: new Set(grants.keys()),
          ...drainGraceMs,
        });
      }
      stream.mailbox.put(message);
    });
  }

  #desired(): DesiredState {
    return {
      revision: this.#revision,
      epoch: this.epoch,
      sentAtMs: this.nowMs,
      trust: TRUST,
      assignment: { orgId: "acme", projectId: "app", architecture: "amd64" },
      grants: new Map(this.#grants),
      closed: new Map(this.#closed),
      buildkit: this.settings,
      ...(this.tailnet !== undefined && { tailnet: this.tailnet }),
      egress: DEFAULT_EGRESS,
      ...(this.drain !== undefined && { drain: this.drain }),
      debugGrants: [],
      asksFor: [],
    };
  }

  async #hear(stream: Stream, message: ToPlane): Promise<void> {
    if (!stream.life.isAlive) return stream.life.never();
    if (this.#stream !== stream) return;
    if (message.is === "records") this.shelf.sent(message);
    if (stream.isMute || this.reach.at === "silent") return;
    if (message.is === "observed") {
      this.#stage.trace.note({ is: "reported", state: message.state });
      return;
    }
    if (this.batchesToLose > 0) {
      this.batchesToLose -= 1;
      return;
    }
    this.shelf.store(message);
    if (this.acksToLose > 0) {
      this.acksToLose -= 1;
      return;
    }
    const { bootId } = message;
    this.#deliver(stream, { is: "records-ack", bootId, upToSequence: this.shelf.upTo(bootId) });
  }
}
