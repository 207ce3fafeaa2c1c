import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import type { Secret } from "../../core/secret.ts";
import { NotAccepted } from "./not-accepted.ts";

/** An answer says how many spans were rejected, and why: a longer one is something else. */
const ANSWER_MAX_BYTES = 64 * 1024;

export interface Place {
  readonly url: string;
  readonly headers: ReadonlyMap<string, Secret>;
  /** PEM; absent: the authorities that Node.js brings. */
  readonly ca?: string;
  readonly lookup?: LookupFunction;
  /** What asks. */
  readonly userAgent: string;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly retryAfter: string | undefined;
  /** Of a success alone. */
  readonly body: Uint8Array;
}

/**
 * One request, one answer: no proxy is asked, no redirection followed, nothing tried again.
 * @throws {NotAccepted} retryable: there was no answer; or not: it is too long to be one.
 */
export async function post(place: Place, body: Uint8Array, signal: AbortSignal): Promise<Answer> {
  try {
    const response = await send(place, body, signal);
    const { statusCode: status = 0, headers } = response;
    const type = (headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
    const isSuccess = status >= 200 && status < 300;
    if (!isSuccess) response.destroy();
    return { status, type, retryAfter: headers["retry-after"], body: isSuccess ? await whole(response) : NOTHING };
  } catch (cause) {
    if (cause instanceof NotAccepted) throw cause;
    throw new NotAccepted("It did not answer", { retryable: true, ...(!signal.aborted && { cause }) });
  }
}

const NOTHING = new Uint8Array();

function send({ url, headers, ca, lookup, userAgent }: Place, body: Uint8Array, signal: AbortSignal) {
  signal.throwIfAborted();
  return new Promise<IncomingMessage>((resolve, reject) => {
    const request = url.startsWith("https:") ? httpsRequest : httpRequest;
    const asked = request(url, {
      method: "POST",
      headers: {
        "User-Agent": userAgent,
        ...Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
        "Content-Type": "application/x-protobuf",
        "Content-Length": body.length,
      },
      // A connection of its own, which no environment leads through a proxy (NODE_USE_ENV_PROXY).
      agent: false,
      signal,
      ...(ca !== undefined && { ca }),
      ...(lookup !== undefined && { lookup }),
    });
    asked.once("response", resolve);
    // As often as it comes: a socket may fail once more after the answer has begun.
    asked.on("error", reject);
    asked.end(body);
  });
}

async function whole(response: IncomingMessage): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // Without an encoding set, the pieces are bytes.
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > ANSWER_MAX_BYTES)
      throw new NotAccepted(`It answered with more than ${ANSWER_MAX_BYTES / 1024} KiB: is it an OTLP receiver?`, {
        retryable: false,
      });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
