import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import { Branch, raceOn, within } from "../../lifecycle/branch.ts";
import type { Cell } from "../../lifecycle/cell.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FromTerminal } from "../../ports/debug-terminal.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import { type Dialled, type DialPorts, dial, ends, isRefusal, untilSilent } from "./dial.ts";
import type { OpenTerminal } from "./open-terminal.ts";

/** From the end: for the last output and the exit code to arrive, over one stream or several. */
const FAREWELL_MS = 10_000;

/**
 * Carries the terminal over one stream after another. Ends it when nobody takes it again in time,
 * or the control plane closes it. Resolves when the last message was heard, or nobody hears it.
 */
export async function stayConnected(
  ports: DialPorts,
  identity: Cell<MachineIdentity | undefined>,
  terminal: OpenTerminal,
  first: Dialled,
  signal: AbortSignal,
): Promise<void> {
  const { log } = ports;
  let dialled: Dialled | undefined = first;
  while (dialled !== undefined && !signal.aborted) {
    terminal.connected(true);
    const how = await carry(ports, terminal, dialled, signal);
    terminal.connected(false);
    dialled.hangUp();
    if (how === "closed") {
      terminal.end("closed");
      return;
    }
    log.debug({ grantId: terminal.grant.grantId }, "debug-terminal.disconnected");
    dialled = await redial(ports, identity, terminal, signal);
    if (dialled === undefined) terminal.end("disconnected");
  }
}

async function redial(
  ports: DialPorts,
  identity: Cell<MachineIdentity | undefined>,
  terminal: OpenTerminal,
  signal: AbortSignal,
): Promise<Dialled | undefined> {
  const { clock } = ports;
  return within(clock, terminal.grant.disconnectGraceMs, signal, async (grace) => {
    using waits = new Branch(grace);
    void untilFarewell(clock, terminal, waits.signal).then(() => waits.abort());
    // Waited for here: what it waits by ends with this block.
    return await dial(ports, identity, () => terminal.opened(), signal, waits.signal);
  });
}

/** One stream. "closed": by the control plane, in good order, or it wants no more of it. */
async function carry(
  { clock, log }: DialPorts,
  terminal: OpenTerminal,
  { stream, attached, rest }: Dialled,
  outer: AbortSignal,
): Promise<"closed" | "broken"> {
  using branch = new Branch(outer);
  let how: "closed" | "broken" = "broken";
  let heardMonoMs = clock.now().monoMs;
  terminal.acknowledge(attached.outputReceived);
  terminal.resize(attached.columns, attached.rows);
  const cursor = { at: attached.outputReceived };
  try {
    await raceOn(
      branch,
      async (signal) => {
        const over = ends(signal);
        for (;;) {
          const next = await Promise.race([rest.next(), over]);
          if (next === undefined) return;
          heardMonoMs = clock.now().monoMs;
          if (next.done === true) {
            how = "closed";
            return;
          }
          take(terminal, next.value);
        }
      },
      (signal) => send(terminal, stream, cursor, signal),
      (signal) => untilSilent(clock, () => heardMonoMs, signal),
      (signal) => untilFarewell(clock, terminal, signal).then(() => signal.aborted || (how = "closed")),
    );
  } catch (err) {
    log.debug({ err, grantId: terminal.grant.grantId }, "debug-terminal.stream-broke");
    if (isRefusal(err)) how = "closed";
  }
  return how;
}

/** Resolves when nobody waits for its last message any more. */
async function untilFarewell(clock: Clock, terminal: OpenTerminal, signal: AbortSignal): Promise<void> {
  await terminal.closedMonoMs.first((at) => at !== undefined, signal);
  const sinceMonoMs = terminal.closedMonoMs.get() ?? clock.now().monoMs;
  await clock.sleep(sinceMonoMs + FAREWELL_MS - clock.now().monoMs, signal);
}

function take(terminal: OpenTerminal, message: FromTerminal): void {
  switch (message.is) {
    case "attached":
      return;
    case "received":
      return terminal.acknowledge(message.upTo);
    case "input":
      return terminal.type(message.offset, message.data);
    case "resize":
      return terminal.resize(message.columns, message.rows);
    case "signal":
      return terminal.signal(message.name);
    default:
      return message satisfies never;
  }
}

async function send(
  terminal: OpenTerminal,
  stream: Dialled["stream"],
  cursor: { at: number },
  signal: AbortSignal,
): Promise<void> {
  let inputTold = -1;
  while (!signal.aborted) {
    const before = terminal.changed.count;
    const data = terminal.output.read(cursor.at, DEBUG_LIMITS.bytesAtOnce);
    if (data.length > 0) {
      await stream.send({ is: "output", offset: cursor.at, data });
      cursor.at += data.length;
    } else if (terminal.inputTaken !== inputTold) {
      inputTold = terminal.inputTaken;
      await stream.send({ is: "input-taken", upTo: inputTold });
    } else if (terminal.exited === undefined) {
      await terminal.changed.next(signal, before);
    } else {
      await stream.send(terminal.exited);
      stream.finish();
      await ends(signal);
    }
  }
}
