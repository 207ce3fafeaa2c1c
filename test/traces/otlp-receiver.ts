import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { decodeSpans, type WireSpan } from "./decode-spans.ts";

/** What it does with a request; absent: takes it, as the protocol has it. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export interface Taken {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly spans: readonly WireSpan[];
}

/** A receiver of OTLP over HTTP: the far end, on the loopback. */
export class OtlpReceiver implements AsyncDisposable {
  readonly url: string;
  /** Every request, also one that is not taken. */
  readonly taken = new Cell<readonly Taken[]>([]);
  behaviour: Behaviour = take;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Set<Socket>();

  private constructor(server: ReturnType<typeof createServer>, scheme: string) {
    this.#server = server;
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response));
  }

  static async listen(tls?: { readonly key: string; readonly cert: string }): Promise<OtlpReceiver> {
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new OtlpReceiver(server, tls === undefined ? "http" : "https");
  }

  get spans(): readonly WireSpan[] {
    return this.taken.get().flatMap(({ spans }) => spans);
  }

  async untilSpans(count: number): Promise<readonly WireSpan[]> {
    await this.taken.first(() => this.spans.length >= count, AbortSignal.timeout(20_000));
    return this.spans;
  }

  async untilRequests(count: number): Promise<readonly Taken[]> {
    await this.taken.first((taken) => taken.length >= count, AbortSignal.timeout(20_000));
    return this.taken.get();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
    const { url: path = "", headers } = request;
    this.taken.update((taken) => [...taken, { path, headers, spans: decodeSpans(Buffer.concat(pieces)) }]);
    this.behaviour(request, response);
  }
}

export const take: Behaviour = (_request, response) => {
  response.writeHead(200, { "Content-Type": "application/x-protobuf" }).end();
};
