import { type IncomingMessage, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { Deadline } from "../../deadline.ts";

export interface Question {
  readonly method: "GET" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Absent: the system's roots. */
  readonly caPem?: string;
  /** The name in the certificate, where it is not the URL's. */
  readonly serverName?: string;
  readonly deadlineMs: number;
}

export interface Told {
  readonly status: number;
  readonly body: string;
  /** Seconds; undefined where it is not worth asking again, or not said when. */
  readonly retryAfterS: number | undefined;
}

const ANSWER_MAX_BYTES = 64 * 1024;

/**
 * One request, one whole answer, in bounded time and memory. No redirection is followed, no proxy
 * asked. Plain HTTP goes to this machine's loopback only.
 * @throws {Error} without a word of what was sent.
 */
export async function ask(url: URL, question: Question, ...signals: readonly AbortSignal[]): Promise<Told> {
  const { method, headers, body, caPem, serverName, deadlineMs } = question;
  using deadline = new Deadline(deadlineMs, ...signals);
  const { signal } = deadline;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asking =
      url.protocol === "https:"
        ? overHttps(url, {
            ...{ method, headers, agent: false, signal, minVersion: "TLSv1.2" },
            ...(caPem !== undefined && { ca: caPem, minVersion: "TLSv1.3" }),
            ...(serverName !== undefined && { servername: serverName }),
          })
        : overHttp(url, { method, headers, agent: false, signal });
    asking.once("response", resolve).once("error", reject).end(body);
  });
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > ANSWER_MAX_BYTES) throw new Error(`the answer has more than ${ANSWER_MAX_BYTES} bytes`);
    parts.push(part);
  }
  const { statusCode: status = 0, headers: answered } = response;
  const retryAfterS = /^\d{1,4}$/.test(answered["retry-after"] ?? "") ? Number(answered["retry-after"]) : undefined;
  return { status, body: Buffer.concat(parts).toString("utf8"), retryAfterS };
}

/** @throws {Error} */
export function checkedUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = url?.protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url?.protocol === "https:" || isLoopback) return url;
  throw new Error(`${what} must be an https URL.`);
}
