import type { Readable, Writable } from "node:stream";
import { AgentError } from "../../core/errors.ts";
import { Branch } from "../../lifecycle/branch.ts";
import type { BuildNetwork } from "../../ports/build-network.ts";
import type { Log } from "../../ports/log.ts";
import { firstLine } from "./first-line.ts";
import { type Answer, answerLine, type Request, readRequest } from "./protocol.ts";

/** Whoever connects has its order ready. */
const REQUEST_DEADLINE_MS = 10_000;

export interface Connection {
  readonly input: Readable;
  readonly output: Writable;
  /** Throws for somebody who may not ask. */
  readonly admit: () => Promise<void>;
}

export type Served = { readonly done: true } | { readonly done: false; readonly failure: unknown };

/**
 * Answers one connection. An order that has begun is carried out also if its asker is gone: it may be a dying control's last wish. A verification ends
 * with its asker. Never throws.
 */
export async function serveRequest(
  network: BuildNetwork,
  { input, output, admit }: Connection,
  log: Log,
  signal: AbortSignal,
): Promise<Served> {
  using asked = new Branch(signal);
  // Whoever asked may be gone: the end of its side tells.
  output.on("error", () => undefined);
  input.on("error", () => undefined);
  for (const event of ["end", "close"] as const) input.once(event, () => asked.abort());
  try {
    await admit();
    const request = readRequest(await firstLine(input, REQUEST_DEADLINE_MS, signal));
    output.write(answerLine(await carryOut(network, request, request.verb === "apply" ? signal : asked.signal)));
    return { done: true };
  } catch (err) {
    if (!asked.signal.aborted) log.warn({ err }, "network.not-served");
    output.write(answerLine(failed(err)));
    return { done: false, failure: err };
  } finally {
    output.end(() => input.destroy());
  }
}

async function carryOut(network: BuildNetwork, request: Request, signal: AbortSignal): Promise<Answer> {
  switch (request.verb) {
    case "apply":
      return { is: "applied", network: await network.apply(request.order, signal) };
    case "verify":
      return { is: "verified", report: await network.verify(signal) };
    default:
      return request satisfies never;
  }
}

function failed(err: unknown): Answer {
  const known = err instanceof AgentError;
  const message = err instanceof Error ? err.message : String(err);
  return { is: "failed", code: known ? err.code : "network.failed", message, retryable: !known || err.retryable };
}
