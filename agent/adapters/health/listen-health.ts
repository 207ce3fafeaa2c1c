import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { AgentError } from "../../core/errors.ts";
import { NOTHING_OBSERVED } from "../../core/observed-state.ts";
import type { HealthBoard } from "../../ports/health-board.ts";
import type { Log } from "../../ports/log.ts";
import { type Answer, text } from "./answer.ts";
import { Guests } from "./guests.ts";
import { metricsOf } from "./metrics.ts";
import { answer } from "./routes.ts";
import { stateGauges } from "./state-gauges.ts";

/** Everything is answered from memory: who needs longer than this to ask is not asking. */
const REQUEST_MS = 5_000;
const IDLE_MS = 5_000;
/**
 * Who sends a byte now and then is found this late. Each look for such clients wakes an idle
 * process.
 */
const TRICKLE_CHECK_MS = 30_000;
const MAX_HEADER_BYTES = 8 * 1024;
/** Probes, a scraper, an operator. In a flood, who asks nothing makes room for who does. */
const ROOM = { usual: 64, most: 512, patienceMs: 250 };
/** What is being answered when the server closes may still be sent. */
const CLOSE_GRACE_MS = 500;

export interface HealthOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** What `/metrics` shows; gauges of the observed state are added to it. */
  readonly registry: Registry;
  /** What others give for `/metrics`, in Prometheus' text form; it never rejects. */
  readonly more?: (() => Promise<string>) | undefined;
  readonly log: Log;
}

export type ListeningHealth = HealthBoard & { readonly url: string } & AsyncDisposable;

/** Serves health over HTTP until disposed. @throws {AgentError} "health.cannot-listen" */
export async function listenHealth({ host, port, registry, more, log }: HealthOptions): Promise<ListeningHealth> {
  const gauges = stateGauges(registry);
  const guests = new Guests(ROOM);
  let shown = NOTHING_OBSERVED;
  let measured = shown;
  // A burst of builds shows hundreds of states between two scrapes: only the last is looked at.
  const shownMetrics = (): Promise<string> => {
    if (measured !== shown) gauges(shown);
    measured = shown;
    return registry.metrics();
  };
  const metrics = metricsOf({ contentType: registry.contentType, metrics: shownMetrics }, more);
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: TRICKLE_CHECK_MS,
      requireHostHeader: false,
    },
    (request, response) => {
      const { socket } = request;
      guests.asks(socket);
      response.once("close", () => guests.answered(socket));
      const asked = { target: request.url ?? "", accept: request.headers.accept ?? "", nowMs: Date.now() };
      void respond(request, response, () => answer(asked, shown, metrics), log);
    },
  );
  server.on("connection", (socket) => guests.enter(socket));
  server.setTimeout(IDLE_MS);
  const address = await listening(server, host, port);
  server.on("error", (err) => log.error({ err }, "health.server-failed"));
  return {
    url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    show(state) {
      shown = state;
    },
    [Symbol.asyncDispose]: () => closed(server),
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  find: () => Promise<Answer>,
  log: Log,
): Promise<void> {
  // Nobody has a body to send here: it is not read, and the connection ends with the answer.
  if (request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined)
    response.setHeader("connection", "close");
  const { status, type, body, headers } = await allowed(request, find, log);
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(body);
}

async function allowed(request: IncomingMessage, find: () => Promise<Answer>, log: Log): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD")
    return { ...text(405, "Only GET and HEAD"), headers: { allow: "GET, HEAD" } };
  try {
    return await find();
  } catch (err) {
    log.error({ err, path: request.url }, "health.answer-failed");
    return text(500, "This answer could not be made: see the log");
  }
}

async function listening(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `Health cannot be served on ${host}:${port}: free the port, or choose another by health.listen`;
      reject(new AgentError("health.cannot-listen", message, { retryable: true, cause }));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      const address = server.address();
      if (address !== null && typeof address !== "string") resolve(address);
    });
  });
}

async function closed(server: Server): Promise<void> {
  const gone = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await gone;
  clearTimeout(cut);
}
