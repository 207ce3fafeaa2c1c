import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { listenOnFixedPort } from "../../sandbox/net/fixed-port.ts";

/** A way to a port of this machine that can be cut, and be there again. */
export class Relay implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
  }

  static async to(port: number): Promise<Relay> {
    const server = createServer();
    const relay = new Relay(server, await listenOnFixedPort(server));
    server.on("connection", (near) => relay.#lead(near, connect(port, "127.0.0.1")));
    return relay;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  cut(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async mend(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) this.cut();
  }

  #lead(near: Socket, far: Socket): void {
    for (const [here, there] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(here);
      here.once("close", () => {
        this.#sockets.delete(here);
        there.destroy();
      });
      here.on("error", () => here.destroy());
      here.pipe(there);
    }
  }
}
