import type { Socket } from "node:net";
import { AgentError } from "../core/errors.ts";
import { Branch } from "../lifecycle/branch.ts";
import { linesOf } from "./lines.ts";
import { failedLine, malformed, type Protocol, readFields, readHead, replyLine, type Verb } from "./protocol.ts";

/** Whoever connects has its request ready. */
const REQUEST_DEADLINE_MS = 10_000;
/** For an asker to take its answer. */
const FAREWELL_MS = 5_000;

/** What is done for a verb, whatever its shapes. */
export interface Handler {
  readonly name: string;
  readonly endsWithAsker: boolean;
  readonly carryOut: (
    fields: object,
    signal: AbortSignal,
    send: (step: object) => void,
    asker: AbortSignal,
  ) => Promise<object | undefined>;
}

/**
 * `act`'s first signal is the server's, or ends with the asker where the verb says so; `asker` ends
 * with the asker always: for what is only worth doing while somebody waits for it. No answer: only
 * steps were asked for.
 */
export function on<Request extends object, Step extends object, Answer extends object>(
  verb: Verb<Request, Step, Answer>,
  act: (
    request: Request,
    signal: AbortSignal,
    step: (step: Step) => void,
    asker: AbortSignal,
  ) => Promise<Answer | undefined>,
): Handler {
  const { name, endsWithAsker } = verb;
  return {
    name,
    endsWithAsker,
    carryOut: async (fields, signal, send, asker) => act(readFields(verb, fields), signal, send, asker),
  };
}

export interface Serving {
  /** Throws for somebody who may not ask. Absent: the socket's mode has seen to it. */
  readonly admit?: (() => Promise<void>) | undefined;
  readonly signal: AbortSignal;
  /** 10 s if absent. */
  readonly requestDeadlineMs?: number;
  /** Told of a request that failed, or was refused. An asker that just went away is no failure. */
  readonly onFailure: (err: unknown) => void;
}

export type Served = { readonly done: true } | { readonly done: false; readonly failure: unknown };

/** Answers the one request of a connection, and closes it. Never throws. */
export async function serve(
  protocol: Protocol,
  handlers: readonly Handler[],
  socket: Socket,
  { admit, signal, onFailure, requestDeadlineMs = REQUEST_DEADLINE_MS }: Serving,
): Promise<Served> {
  using asker = new Branch(signal);
  let handler: Handler | undefined;
  // Whoever asked may be gone: the end of its side tells.
  socket.on("error", () => undefined);
  for (const event of ["end", "close"] as const) socket.once(event, () => asker.abort());
  const send = (line: string): void => {
    // An asker that does not read must not fill our memory.
    if (socket.writableLength > protocol.lineMaxBytes) socket.destroy();
    else if (socket.writable) socket.write(line);
  };
  try {
    await admit?.();
    const { name, fields } = readHead(protocol, await firstLine(protocol, socket, requestDeadlineMs, signal));
    handler = handlers.find((one) => one.name === name);
    if (handler === undefined) throw malformed(protocol, "request", "its verb is unknown");
    const step = (message: object): void => send(replyLine(protocol, message));
    const answer = await handler.carryOut(fields, handler.endsWithAsker ? asker.signal : signal, step, asker.signal);
    if (answer !== undefined) send(replyLine(protocol, answer));
    return { done: true };
  } catch (failure) {
    if (handler?.endsWithAsker === false || !asker.signal.aborted) onFailure(failure);
    send(failedLine(protocol, failure));
    return { done: false, failure };
  } finally {
    await farewell(socket);
  }
}

/** The first line. What follows is read and dropped, so that the connection's end is still seen. */
async function firstLine(
  { name, lineMaxBytes }: Protocol,
  socket: Socket,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<string> {
  const giveUp = (): void => void socket.destroy();
  const deadline = setTimeout(giveUp, deadlineMs);
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  let cause: unknown;
  try {
    // Not destroyed after the line: the answer goes the same way.
    for await (const line of linesOf(socket.iterator({ destroyOnReturn: false }), lineMaxBytes)) return line;
  } catch (failure) {
    cause = failure;
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener("abort", giveUp);
    socket.resume();
  }
  if (cause instanceof RangeError)
    throw new AgentError(`${name}.malformed`, "This is no request: its line is too long", { retryable: false, cause });
  throw new AgentError(`${name}.no-request`, "The connection ended without a request", { retryable: false, cause });
}

/**
 * Ends our side, and waits for the asker to end its own: closed while it still sends, the
 * connection would break under its write, and the answer be lost. Not longer than for an asker that
 * does not read.
 */
async function farewell(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const deadline = setTimeout(() => socket.destroy(), FAREWELL_MS);
    socket.once("close", () => {
      clearTimeout(deadline);
      resolve();
    });
    if (socket.readableEnded) socket.end(() => socket.destroy());
    else
      socket
        .once("end", () => socket.destroySoon())
        .resume()
        .end();
  });
}
