import { setTimeout as sleep } from "node:timers/promises";
import { DesiredState } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { ObservedState, Phase } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { type ClientCertificate, FACTS, joinRequest, PlainAgent, type PlainStream } from "../plain-agent.ts";
import { eventually } from "../real-sandbox.ts";

interface Place {
  readonly endpoint: string;
  readonly caPem: string;
  readonly serverName: string;
}

/** A machine in a lab: registers once, then attaches again and again and applies what it hears. */
export class LabMachine implements AsyncDisposable {
  readonly id: string;
  readonly bootId: string;
  /** Revisions that came with other content later, or after a later one. */
  readonly contradictions: string[] = [];
  readonly #place: Place;
  readonly #certificate: ClientCertificate;
  readonly #over = new AbortController();
  readonly #contents = new Map<string, string>();
  #newest = 0n;
  readonly #living: Promise<void>;
  readonly #watch: typeof nobody;
  #stream: PlainStream | undefined;
  #heard: DesiredState | undefined;
  #lastWords: unknown;

  private constructor(
    id: string,
    bootId: string,
    parts: { readonly place: Place; readonly certificate: ClientCertificate; readonly watch: typeof nobody },
  ) {
    this.id = id;
    this.bootId = bootId;
    this.#place = parts.place;
    this.#certificate = parts.certificate;
    this.#watch = parts.watch;
    this.#living = this.#live();
  }

  static async register(place: Place, token: string, { bootId = "boot-1", watch = nobody } = {}): Promise<LabMachine> {
    using stranger = new PlainAgent(place);
    const { request, key } = await joinRequest(stranger, token);
    const versions = { agent: "0.1.0", node: "24.0.0", buildkit: "0.33.1", contract: "1" };
    const response = await stranger.register({ ...request, versions, facts: { ...FACTS, bootId } });
    const certificate = { chainPem: response.machineCertificateChain, keyPem: key.privateKeyPem };
    return new LabMachine(response.machineId, bootId, { place, watch, certificate });
  }

  /** The newest desired state of the stream that is open. */
  get heard(): DesiredState | undefined {
    return this.#heard;
  }

  /** Waits for a desired state that fits. */
  until(what: string, fits: (state: DesiredState) => boolean): Promise<DesiredState> {
    return eventually(`${what}; it last failed with ${String(this.#lastWords)}`, () =>
      this.#heard !== undefined && fits(this.#heard) ? this.#heard : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    this.#stream?.call.cancel();
    await this.#living;
  }

  async #live(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      using agent = new PlainAgent(this.#place, this.#certificate);
      await this.#attach(agent).catch((failure: unknown) => (this.#lastWords = failure));
      this.#heard = undefined;
      await sleep(20, undefined, { signal }).catch(() => undefined);
    }
  }

  async #attach(agent: PlainAgent): Promise<void> {
    const stream = agent.attach();
    this.#stream = stream;
    stream.hello(this.bootId);
    for (;;) {
      const state = await stream.desired();
      this.#watch(state);
      this.#compare(state);
      this.#heard = state;
      const { revision: appliedRevision, epoch: appliedEpoch, drain } = state;
      const phase = drain === undefined ? Phase.READY : Phase.DRAINING;
      const value = ObservedState.fromPartial({ phase, appliedRevision, appliedEpoch });
      stream.send({ $case: "observed", value });
    }
  }

  /** As an agent does: it refuses a revision that it knows with other content. */
  #compare(state: DesiredState): void {
    const key = `${state.epoch} ${state.revision}`;
    const content = Buffer.from(DesiredState.encode({ ...state, sentAt: undefined }).finish()).toString("base64");
    const before = this.#contents.get(key);
    if (before !== undefined && before !== content) this.contradictions.push(`${key} has other content`);
    if (state.revision < this.#newest) this.contradictions.push(`${key} comes after ${this.#newest}`);
    this.#newest = state.revision;
    this.#contents.set(key, content);
  }
}

/** Is shown each desired state as soon as it comes. */
function nobody(_state: DesiredState): void {}
