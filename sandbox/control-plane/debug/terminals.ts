import { status } from "@grpc/grpc-js";
import type { DebugTerminalRequest } from "../../../agent/adapters/grpc/gen/builder/agent/v1/streams.ts";
import type { Machine } from "../machine.ts";
import { asRefusal, Refusal } from "../refusal.ts";
import { type TerminalCall, TerminalLine } from "./terminal-line.ts";

/** Terminals under a grant of the desired state; each grant opens one, once. */
export class Terminals {
  readonly #lines = new Map<string, TerminalLine>();
  readonly #now: () => number;
  readonly #changed: () => void;

  constructor(now: () => number, changed: () => void) {
    this.#now = now;
    this.#changed = changed;
  }

  all(): readonly TerminalLine[] {
    return [...this.#lines.values()];
  }

  /** The one of a grant, before its agent has dialled, too. */
  of(grantId: string, machineId: string): TerminalLine {
    const line = this.#lines.get(grantId) ?? new TerminalLine(grantId, machineId, this.#changed);
    this.#lines.set(grantId, line);
    return line;
  }

  forget(grantId: string): void {
    this.#lines.delete(grantId);
  }

  serve(machine: Machine, call: TerminalCall): void {
    let line: TerminalLine | undefined;
    call.on("data", (request: DebugTerminalRequest) => {
      try {
        if (line !== undefined) return line.take(request);
        if (request.message?.$case !== "opened")
          throw new Refusal(status.INVALID_ARGUMENT, "opened: must be the first message");
        line = this.#admit(machine, request.message.value.grantId);
        line.carry(call, request.message.value);
      } catch (failure) {
        call.emit("error", asRefusal(failure));
      }
    });
    call.on("end", () => call.end());
    // The agent's side broke off: what it showed so far is kept.
    call.on("error", () => undefined);
  }

  #admit(machine: Machine, grantId: string): TerminalLine {
    const grant = machine.project.wishes.debugGrants?.find((candidate) => candidate.grantId === grantId);
    const line = this.#lines.get(grantId);
    const isInTime = line?.begun === true || this.#now() < (grant?.startBefore?.getTime() ?? 0);
    if (grant?.machineId === machine.id && isInTime && line?.exited === undefined) return this.of(grantId, machine.id);
    throw new Refusal(
      status.FAILED_PRECONDITION,
      `opened.grant_id: ${grantId} is not granted to this machine, is too old, or was used`,
    );
  }
}
