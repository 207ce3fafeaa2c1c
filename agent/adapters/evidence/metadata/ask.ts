import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { AgentError } from "../../../core/errors.ts";
import { noEvidence } from "../no-evidence.ts";
import type { Budget } from "./budget.ts";
import { noAnswer } from "./no-answer.ts";
import { named, type Question } from "./question.ts";
import { refusedStatus } from "./refused-status.ts";

/** The largest true answer, a signed document, has less than 10 KiB. */
const ANSWER_MAX_BYTES = 64 * 1024;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly bytes: Uint8Array;
  /** The same as UTF-8. */
  readonly text: string;
}

/**
 * One answer, whole, of an expected status and media type; what is in it is the caller's to judge.
 * No proxy is asked, no redirection followed, nothing tried again.
 * @throws {AgentError} "identity.no-evidence"; or the reason with which the budget's outer signal
 * was aborted.
 */
export async function ask(question: Question, budget: Budget): Promise<Answer> {
  let hasBegun = false;
  try {
    const response = await send(question, budget.signal);
    hasBegun = true;
    return await judged(question, response);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    if (!budget.hasExpired) budget.signal.throwIfAborted();
    throw noAnswer(question, cause, { hasBegun, waitedMs: budget.hasExpired ? budget.ms : undefined });
  }
}

function send({ url, socketPath, method, headers, body }: Question, signal: AbortSignal): Promise<IncomingMessage> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? httpsRequest : httpRequest;
    const asked = request(url, {
      method,
      ...(socketPath !== undefined && { socketPath }),
      headers: { "User-Agent": "builder-agent", ...headers },
      // A connection of its own, which no environment leads through a proxy (NODE_USE_ENV_PROXY).
      agent: false,
      signal,
    });
    asked.once("response", resolve);
    // As often as it comes: a socket may fail once more after the answer has begun.
    asked.on("error", reject);
    asked.end(body);
  });
}

async function judged(question: Question, response: IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = response;
  const { answers = [200], types } = question;
  if (!answers.includes(status)) {
    response.destroy();
    throw refusedStatus(question, status);
  }
  const type = (headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!types.includes(type)) {
    response.destroy();
    const shown = /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type.slice(0, 64) : "no media type";
    throw noEvidence(
      `${named(question)} answered with ${shown}, which is none of its answers: does something else answer there?`,
    );
  }
  const bytes = await whole(question, response);
  return { status, headers, bytes, text: bytes.toString("utf8") };
}

async function whole(question: Question, response: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // Without an encoding set, the pieces are bytes.
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > ANSWER_MAX_BYTES)
      throw noEvidence(
        `${named(question)} answered with more than ${ANSWER_MAX_BYTES / 1024} KiB, which is none of its answers`,
      );
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
