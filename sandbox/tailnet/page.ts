import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { listenIn, portOf } from "./listen-in.ts";
import type { Where } from "./where.ts";

/** A private page, and who has asked for it. */
export class Page implements AsyncDisposable {
  readonly port: number;
  readonly text: string;
  #visits = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number, text: string) {
    this.#server = server;
    this.port = port;
    this.text = text;
    server.on("request", (_request, response) => {
      this.#visits += 1;
      response.writeHead(200, { "content-type": "text/plain", connection: "close" }).end(text);
    });
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Port 0: a free one. */
  static async serve(text: string, where: Where, port: number): Promise<Page> {
    const door = await listenIn(where, port);
    const server = createServer();
    const page = new Page(server, portOf(door), text);
    server.listen(door);
    return page;
  }

  get visits(): number {
    return this.#visits;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
