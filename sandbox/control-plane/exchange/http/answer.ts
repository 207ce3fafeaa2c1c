import type { ServerResponse } from "node:http";
import { asExchangeRefusal } from "./as-exchange-refusal.ts";

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** RFC 6749, section 5.2, with a stable code beside. */
export function refused(failure: unknown): Answer {
  const { status, error, code, message, retryAfterS } = asExchangeRefusal(failure);
  return {
    status,
    body: { error, error_description: asDescription(message), code },
    headers: {
      ...(retryAfterS !== undefined && { "Retry-After": String(retryAfterS) }),
      ...(status === 401 || status === 403 ? { "WWW-Authenticate": `Bearer error="${error}"` } : {}),
    },
  };
}

export function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const text = `${JSON.stringify(body)}\n`;
  response
    .writeHead(status, {
      ...headers,
      "Cache-Control": "no-store",
      Pragma: "no-cache",
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(text),
    })
    .end(text);
}

/** The characters that the RFC allows. */
function asDescription(message: string): string {
  return message.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, "?");
}
