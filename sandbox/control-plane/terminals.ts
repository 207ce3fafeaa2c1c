import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type {
  DebugTerminalExited,
  DebugTerminalRequest,
  DebugTerminalResponse,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/streams.ts";
import type { Machine } from "./machine.ts";
import { Refusal } from "./refusal.ts";

/** A terminal that an agent opened. */
export interface Terminal {
  readonly grantId: string;
  readonly machineId: string;
  /** All that it has shown so far. */
  output(): string;
  /** How it ended; undefined while it is open. */
  exited(): DebugTerminalExited | undefined;
  type(input: string): void;
  resize(columns: number, rows: number): void;
  end(): void;
}

type Call = ServerDuplexStream<DebugTerminalRequest, DebugTerminalResponse>;

/** Terminals under a grant of the desired state; each grant opens one, once. */
export class Terminals {
  readonly #terminals = new Map<string, Terminal>();
  readonly #now: () => number;
  readonly #exited: (exit: DebugTerminalExited) => void;

  constructor(now: () => number, exited: (exit: DebugTerminalExited) => void) {
    this.#now = now;
    this.#exited = exited;
  }

  all(): readonly Terminal[] {
    return [...this.#terminals.values()];
  }

  serve(machine: Machine, call: Call): void {
    const output: Uint8Array[] = [];
    let exit: DebugTerminalExited | undefined;
    let opened = false;
    call.on("data", ({ message }: DebugTerminalRequest) => {
      switch (message?.$case) {
        case "opened": {
          const refusal = opened
            ? new Refusal(status.INVALID_ARGUMENT, "opened: only once, first")
            : this.#refuse(machine, message.value.grantId);
          if (refusal !== undefined) return void call.emit("error", refusal);
          opened = true;
          return void this.#terminals.set(message.value.grantId, {
            grantId: message.value.grantId,
            machineId: machine.id,
            output: () => Buffer.concat(output).toString("utf8"),
            exited: () => exit,
            type: (input) => call.write({ message: { $case: "input", value: Buffer.from(input) } }),
            resize: (columns, rows) => call.write({ message: { $case: "resize", value: { columns, rows } } }),
            end: () => call.end(),
          });
        }
        case "output":
          if (opened) output.push(message.value);
          return;
        case "exited":
          exit = message.value;
          return this.#exited(exit);
        case undefined:
          return;
        default:
          return message satisfies never;
      }
    });
    call.on("end", () => call.end());
    // The agent's side broke off: what it showed so far is kept.
    call.on("error", () => undefined);
  }

  #refuse(machine: Machine, grantId: string): Refusal | undefined {
    const grant = machine.project.wishes.debugGrants?.find((candidate) => candidate.grantId === grantId);
    if (grant?.startBefore !== undefined && this.#now() < grant.startBefore.getTime() && !this.#terminals.has(grantId))
      return undefined;
    return new Refusal(
      status.FAILED_PRECONDITION,
      `opened.grant_id: ${grantId} is not granted here, is too old, or was used`,
    );
  }
}
