import type { IncomingMessage } from "node:http";
import { Refused } from "./answer.ts";

const LENGTH_MAX = 64 * 1024;

/** @throws {Refused} 413 */
export async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  // Without an encoding, parts are bytes.
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LENGTH_MAX) throw new Refused(413, "request body too large");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** OAuth's endpoints take forms and nothing else: RFC 6749, section 4.4.2. @throws {Refused} 400 */
export function asForm(request: IncomingMessage, body: string): URLSearchParams {
  if (mediaType(request) !== "application/x-www-form-urlencoded") throw new Refused(400, "invalid request body");
  return new URLSearchParams(body);
}

/** @throws {Refused} 400 */
export function asJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refused(400, "invalid request body");
  }
}

/** A client may name itself in the form or by HTTP's own means: RFC 6749, section 2.3.1. */
export function clientOf(
  request: IncomingMessage,
  form: URLSearchParams,
): { readonly id: string; readonly secret: string } {
  const [, basic] = /^Basic (\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  if (basic === undefined) return { id: form.get("client_id") ?? "", secret: form.get("client_secret") ?? "" };
  const [id = "", secret = ""] = Buffer.from(basic, "base64").toString("utf8").split(":", 2).map(decodeURIComponent);
  return { id, secret };
}

export function bearerOf({ headers }: IncomingMessage): string {
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
}

function mediaType({ headers }: IncomingMessage): string {
  return headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}
