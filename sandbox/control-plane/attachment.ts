import { setTimeout as sleep } from "node:timers/promises";
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type {
  AttachRequest,
  AttachResponse,
  Hello,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import type { DesiredState } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { Phase, type SessionRecords } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { Faults } from "./faults.ts";
import type { Leases } from "./leases.ts";
import type { Link, Machine } from "./machine.ts";
import { addressOf } from "./peer.ts";
import { RawMessage } from "./raw-message.ts";
import type { RecordBook } from "./record-book.ts";
import { asRefusal, Refusal } from "./refusal.ts";

export type AttachCall = ServerDuplexStream<AttachRequest, AttachResponse | RawMessage>;

/** What an open stream needs of its control plane. */
export interface AttachContext {
  readonly heartbeatMs: number;
  readonly records: RecordBook;
  readonly faults: Faults;
  readonly leases: Pick<Leases, "arrived" | "left">;
  desired(machine: Machine): DesiredState;
  /** Called after anything was learned from the machine. */
  learned(): void;
}

/**
 * One Attach stream: Hello first, then whatever comes; the desired state at once, after each
 * change, and as a heartbeat.
 */
export class Attachment implements Link {
  readonly #call: AttachCall;
  readonly #machine: Machine;
  readonly #context: AttachContext;
  readonly #ended = new AbortController();
  /** A desired state is to be sent as soon as the stream takes more. */
  #owing = false;
  /** It has said that it is about to go, in order. */
  #isLeaving = false;

  private constructor(call: AttachCall, machine: Machine, context: AttachContext) {
    this.#call = call;
    this.#machine = machine;
    this.#context = context;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  /** Lives until either side ends the call. */
  static serve(call: AttachCall, machine: Machine, context: AttachContext): void {
    const attachment = new Attachment(call, machine, context);
    call.on("data", (request: AttachRequest) => attachment.#take(request));
    call.on("end", () => {
      attachment.#close();
      call.end();
    });
    call.on("cancelled", () => attachment.#close());
    call.on("error", () => attachment.#close());
  }

  /**
   * A stream that the machine does not read is not filled further: what it gets when it reads again
   * is the newest.
   */
  sendDesired(): void {
    if (this.#call.writableNeedDrain) {
      if (!this.#owing) this.#call.once("drain", () => this.sendDesired());
      this.#owing = true;
      return;
    }
    this.#owing = false;
    this.#send({ message: { $case: "desired", value: this.#context.desired(this.#machine) } });
  }

  sendRaw(message: Uint8Array): void {
    this.#send(new RawMessage(message));
  }

  end(because: Refusal): void {
    this.#close();
    // grpc-js turns an emitted error into the stream's status; destroy(error) would lose it.
    if (!this.#call.destroyed) this.#call.emit("error", because);
  }

  #take(request: AttachRequest): void {
    try {
      this.#answer(request);
    } catch (failure) {
      this.end(asRefusal(failure));
    }
    this.#context.learned();
  }

  #answer({ message }: AttachRequest): void {
    const attached = this.#machine.link === this;
    if (message?.$case === "hello") {
      if (attached) throw new Refusal(status.INVALID_ARGUMENT, "hello: only once, first");
      return this.#greet(message.value);
    }
    if (!attached) throw new Refusal(status.INVALID_ARGUMENT, "hello: must be the first message");
    this.#machine.heard(addressOf(this.peer));
    switch (message?.$case) {
      case "observed":
        this.#machine.observed = message.value;
        this.#isLeaving = message.value.phase === Phase.STOPPING;
        return;
      case "records":
        return this.#store(message.value);
      case undefined:
        // From a newer agent: the contract says to ignore it.
        return;
      default:
        return message satisfies never;
    }
  }

  #greet(hello: Hello): void {
    this.#machine.link?.end(new Refusal(status.ABORTED, "Another Attach of this machine has taken over."));
    // After that: the other one may have been about to leave.
    this.#context.leases.arrived(this.#machine);
    this.#machine.heard(addressOf(this.peer));
    this.#machine.link = this;
    this.#machine.hello = hello;
    this.#machine.attaches += 1;
    this.sendDesired();
    void this.#beat(this.#ended.signal);
  }

  #store(sent: SessionRecords): void {
    const upToSequence = this.#context.records.store(this.#machine.project.ref, sent);
    if (!this.#context.faults.swallowAcks) {
      this.#send({ message: { $case: "recordsAck", value: { bootId: sent.bootId, upToSequence } } });
    }
  }

  async #beat(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#context.heartbeatMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      this.sendDesired();
    }
  }

  #send(message: AttachResponse | RawMessage): void {
    if (!this.#context.faults.silent && !this.#ended.signal.aborted) this.#call.write(message);
  }

  #close(): void {
    this.#ended.abort();
    if (this.#machine.link !== this) return;
    this.#machine.link = undefined;
    if (this.#isLeaving) this.#context.leases.left(this.#machine);
    this.#context.learned();
  }
}
