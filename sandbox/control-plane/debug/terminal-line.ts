import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type {
  DebugTerminalExited,
  DebugTerminalOpened,
  DebugTerminalRequest,
  DebugTerminalResponse,
} from "../../../agent/adapters/grpc/gen/builder/agent/v1/streams.ts";
import { Refusal } from "../refusal.ts";

export type TerminalCall = ServerDuplexStream<DebugTerminalRequest, DebugTerminalResponse>;

/** Who sits at a terminal. */
export interface Person {
  readonly user: string;
  readonly columns: number;
  readonly rows: number;
  /** Resolves when it was shown: until then it is not acknowledged. */
  readonly show: (output: Uint8Array) => Promise<void>;
  readonly exited: (exit: DebugTerminalExited) => void;
}

/** The contract: at least every 10 s. */
const HEARTBEAT_MS = 5_000;
/** The contract's window is twice as much. */
const INPUT_ENOUGH_BYTES = 32_768;
const AT_ONCE_BYTES = 32_768;
/** For those who look at what it has shown. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** One terminal over as many streams as its agent needs. */
export class TerminalLine {
  readonly grantId: string;
  readonly machineId: string;
  exited: DebugTerminalExited | undefined;
  /** The shell has been started. */
  begun = false;
  /** How many streams have carried it. */
  streams = 0;
  #call: TerminalCall | undefined;
  #isAttached = false;
  #beat: NodeJS.Timeout | undefined;
  #person: Person | undefined;
  #shown: Promise<void> = Promise.resolve();
  #output: Buffer[] = [];
  #outputBytes = 0;
  #received = 0;
  /** What nobody was there for. */
  #pending: Uint8Array[] = [];
  #acknowledged = 0;
  #input = Buffer.alloc(0);
  #inputFrom = 0;
  #inputSent = 0;
  #roomFor: (() => void)[] = [];
  readonly #changed: () => void;

  constructor(grantId: string, machineId: string, changed: () => void) {
    this.grantId = grantId;
    this.machineId = machineId;
    this.#changed = changed;
  }

  get isConnected(): boolean {
    return this.#call !== undefined;
  }

  get person(): string | undefined {
    return this.#person?.user;
  }

  /** The last of what it has shown. */
  output(): string {
    return Buffer.concat(this.#output).toString("utf8");
  }

  /** A stream of the agent: an older one gives way. */
  carry(call: TerminalCall, opened: DebugTerminalOpened): void {
    this.#call?.emit("error", new Refusal(status.ABORTED, "Another stream of this terminal has taken over."));
    this.#call = call;
    this.#isAttached = false;
    this.streams += 1;
    this.begun ||= opened.resumed;
    this.#forgetInput(Number(opened.inputTaken));
    this.#inputSent = this.#inputFrom;
    this.#acknowledge();
    this.#beat = setInterval(() => this.#acknowledge(), HEARTBEAT_MS).unref();
    const gone = (): void => {
      if (this.#call === call) this.#hungUp();
    };
    for (const event of ["error", "cancelled", "close"] as const) call.on(event, gone);
    this.#attach();
    this.#changed();
  }

  /** Somebody sits down, instead of whoever sat there. Gives what they can do. */
  sit(person: Person): void {
    this.#person = person;
    if (this.exited !== undefined) return person.exited(this.exited);
    if (this.#isAttached) this.#write({ $case: "resize", value: { columns: person.columns, rows: person.rows } });
    this.#attach();
    for (const bytes of this.#pending.splice(0)) this.#show(bytes);
  }

  /** They leave; it goes on without them. */
  stand(person: Person): void {
    if (this.#person === person) this.#person = undefined;
  }

  /** Resolves when there is room for more. */
  async type(input: Uint8Array | string): Promise<void> {
    this.#input = Buffer.concat([this.#input, Buffer.from(input)]);
    this.#sendInput();
    while (this.#input.length > INPUT_ENOUGH_BYTES && this.exited === undefined)
      await new Promise<void>((resolve) => this.#roomFor.push(resolve));
  }

  resize(columns: number, rows: number): void {
    this.#write({ $case: "resize", value: { columns, rows } });
  }

  signal(name: string): void {
    this.#write({ $case: "signal", value: { name } });
  }

  /** In good order: it is not taken again. */
  end(): void {
    this.#call?.end();
  }

  /** As a network does. */
  breakOff(): void {
    this.#call?.emit("error", new Refusal(status.UNAVAILABLE, "The stream breaks on purpose."));
  }

  take({ message }: DebugTerminalRequest): void {
    switch (message?.$case) {
      case "numberedOutput":
        return this.#takeOutput(Number(message.value.offset), message.value.data);
      case "inputTaken":
        this.#forgetInput(Number(message.value.upTo));
        return this.#sendInput();
      case "exited":
        this.exited = message.value;
        this.#person?.exited(message.value);
        this.#wakeTyper();
        this.#changed();
        return this.end();
      case "opened":
        throw new Refusal(status.INVALID_ARGUMENT, "opened: only once, first");
      case "output":
        throw new Refusal(status.INVALID_ARGUMENT, "output: has no number");
      case undefined:
        return;
      default:
        return message satisfies never;
    }
  }

  #attach(): void {
    if (this.#call === undefined || this.#isAttached) return;
    // One that runs is taken on though nobody sits there for the moment.
    if (this.#person === undefined && !this.begun) return;
    this.#isAttached = true;
    this.begun = true;
    const { user = "", columns = 80, rows = 24 } = this.#person ?? {};
    this.#write({ $case: "attached", value: { user, columns, rows, outputReceived: BigInt(this.#received) } });
    this.#sendInput();
  }

  #takeOutput(offset: number, data: Uint8Array): void {
    if (offset > this.#received)
      throw new Refusal(status.INVALID_ARGUMENT, `numbered_output.offset: ${this.#received} is the next`);
    const fresh = data.subarray(this.#received - offset);
    if (fresh.length === 0) return;
    this.#received += fresh.length;
    this.#keep(fresh);
    if (this.#person === undefined) this.#pending.push(fresh);
    else this.#show(fresh);
    this.#changed();
  }

  #show(bytes: Uint8Array): void {
    const person = this.#person;
    this.#shown = this.#shown
      .then(() => person?.show(bytes))
      .catch(() => undefined)
      .then(() => this.#hasShown(bytes.length));
  }

  #hasShown(bytes: number): void {
    this.#acknowledged += bytes;
    this.#acknowledge();
  }

  #keep(bytes: Uint8Array): void {
    this.#output.push(Buffer.from(bytes));
    this.#outputBytes += bytes.length;
    while (this.#outputBytes > KEPT_BYTES) this.#outputBytes -= this.#output.shift()?.length ?? 0;
  }

  #acknowledge(): void {
    this.#write({ $case: "received", value: { upTo: BigInt(this.#acknowledged) } });
  }

  #sendInput(): void {
    if (!this.#isAttached) return;
    while (this.#inputSent < this.#inputFrom + this.#input.length) {
      const at = this.#inputSent - this.#inputFrom;
      const data = this.#input.subarray(at, at + AT_ONCE_BYTES);
      this.#write({ $case: "numberedInput", value: { offset: BigInt(this.#inputSent), data } });
      this.#inputSent += data.length;
    }
  }

  #forgetInput(upTo: number): void {
    const taken = Math.min(Math.max(0, upTo - this.#inputFrom), this.#input.length);
    this.#input = this.#input.subarray(taken);
    this.#inputFrom += taken;
    if (this.#input.length <= INPUT_ENOUGH_BYTES) this.#wakeTyper();
  }

  #wakeTyper(): void {
    for (const wake of this.#roomFor.splice(0)) wake();
  }

  #write(message: DebugTerminalResponse["message"]): void {
    if (this.#call !== undefined && !this.#call.writableEnded) this.#call.write({ message });
  }

  #hungUp(): void {
    clearInterval(this.#beat);
    this.#call = undefined;
    this.#isAttached = false;
    this.#changed();
  }
}
