import type { IncomingMessage } from "node:http";
import { ExchangeRefusal } from "../exchange-refusal.ts";

const BODY_MAX_BYTES = 16 * 1024;

/**
 * The whole body, of this media type, as UTF-8; how long it may take is the server's business.
 * @throws {ExchangeRefusal} 400, 413, 415
 */
export async function readBody(request: IncomingMessage, mediaType: string): Promise<string> {
  const { headers } = request;
  if (headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() !== mediaType)
    throw new ExchangeRefusal(415, "invalid_request", "content-type-wrong", `The body must be ${mediaType}.`);
  if (headers["content-encoding"] !== undefined)
    throw new ExchangeRefusal(415, "invalid_request", "content-encoding", "The body must not be compressed.");
  if (Number(headers["content-length"] ?? 0) > BODY_MAX_BYTES) throw tooLarge();
  const parts: Buffer[] = [];
  let bytes = 0;
  // Without an encoding, parts are bytes. Whoever sends too much still gets an answer.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_MAX_BYTES) throw tooLarge();
    parts.push(part);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch (cause) {
    throw new ExchangeRefusal(400, "invalid_request", "malformed", "The body is not UTF-8.", { cause });
  }
}

function tooLarge(): ExchangeRefusal {
  return new ExchangeRefusal(
    413,
    "invalid_request",
    "body-too-large",
    `The body has more than ${BODY_MAX_BYTES} bytes.`,
  );
}
