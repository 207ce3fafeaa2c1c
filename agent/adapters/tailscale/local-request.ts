import { type IncomingMessage, request } from "node:http";
import { AgentError } from "../../core/errors.ts";

/**
 * What the LocalAPI wants to see; the name is never looked up. Source: tailscale,
 * client/local/local.go.
 */
const HOST = "local-tailscaled.sock";
/** The status of ten thousand peers, some two kilobytes each. */
const ANSWER_MAX_CHARS = 32 * 1024 * 1024;
/** Its errors are one line. */
const REFUSAL_MAX_CHARS = 1_000;

export interface LocalCall {
  readonly method: "GET" | "PATCH" | "POST";
  /** Below /localapi/v0/. */
  readonly path: string;
  /** Sent as JSON. It may hold a secret: nothing of it is ever repeated in an error. */
  readonly body?: unknown;
}

/**
 * One call of tailscaled's LocalAPI, which takes no `Origin` and asks the kernel who is at the
 * socket's other end. Resolves with the answer's head; whoever asked reads its body, or destroys
 * it.
 * @throws {AgentError} "tailnet.daemon-failed" (retryable) if nobody answers, or what is asked for
 * is refused.
 */
export async function localRequest(
  socketPath: string,
  { method, path, body }: LocalCall,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({
      socketPath,
      method,
      path: `/localapi/v0/${path}`,
      headers: { Host: HOST, ...(body !== undefined && { "Content-Type": "application/json" }) },
      // A connection of its own: nothing stays open behind a call.
      agent: false,
      signal,
    });
    asked.once("response", resolve);
    asked.once("error", (cause) =>
      reject(daemonFailed(`tailscaled does not answer on ${socketPath}`, signal.aborted ? signal.reason : cause)),
    );
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode < 300) return response;
  const words = (await textOf(response).catch(() => "")).trim().slice(0, REFUSAL_MAX_CHARS);
  const hint = statusCode === 403 ? ": is this process its operator?" : "";
  throw daemonFailed(`tailscaled refuses ${method} ${path} (${statusCode}${words && `, ${words}`})${hint}`);
}

/** The whole body. An answer that breaks off, or is longer than any, is an error. */
export async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  // With an encoding set, the pieces are text.
  for await (const piece of response as AsyncIterable<string>) {
    text += piece;
    if (text.length > ANSWER_MAX_CHARS)
      throw daemonFailed(`tailscaled's answer is longer than ${ANSWER_MAX_CHARS} characters`);
  }
  return text;
}

export function daemonFailed(message: string, cause?: unknown): AgentError {
  return new AgentError("tailnet.daemon-failed", message, { retryable: true, cause });
}
