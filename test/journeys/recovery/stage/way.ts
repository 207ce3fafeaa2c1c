import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { pipeline, Transform, type TransformCallback } from "node:stream";
import { listenOnFixedPort } from "../../../../sandbox/net/fixed-port.ts";

/** What becomes of who comes this way. */
export type Mood =
  | { readonly is: "open" }
  /** Everything arrives, and each piece so much later, each way. */
  | { readonly is: "slow"; readonly byMs: number }
  /** Connections stay, and nothing comes through. */
  | { readonly is: "silent" }
  /** Whoever comes gets these bytes for an answer, and the end. */
  | { readonly is: "answering"; readonly bytes: Buffer }
  /** Nobody is there. */
  | { readonly is: "gone" };

/** The way from the agent to its control plane: TCP, with moods. */
export class Way implements AsyncDisposable {
  readonly #server: Server;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #leadsTo = 0;
  #mood: Mood = { is: "open" };

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
    server.on("connection", (near) => this.#receive(near));
  }

  static async open(): Promise<Way> {
    const server = createServer();
    return new Way(server, await listenOnFixedPort(server));
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  leadTo(port: number): void {
    this.#leadsTo = port;
  }

  /** From now on. Slowness comes over connections that there are; all else is for new ones. */
  async turn(mood: Mood): Promise<void> {
    const before = this.#mood;
    this.#mood = mood;
    if (mood.is !== "slow") this.cut();
    if (mood.is === "gone") this.#server.close();
    if (before.is === "gone" && mood.is !== "gone") {
      this.#server.listen(this.#port, "127.0.0.1");
      await once(this.#server, "listening");
    }
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  #receive(near: Socket): void {
    this.#hold(near);
    if (this.#mood.is === "answering") near.end(this.#mood.bytes);
    else if (this.#mood.is !== "silent") this.#lead(near);
  }

  #lead(near: Socket): void {
    const far = connect(this.#leadsTo, "127.0.0.1");
    this.#hold(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const)
      pipeline(from, this.#slowed(), to, () => to.destroy());
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  #slowed(): Transform {
    const delayMs = (): number => (this.#mood.is === "slow" ? this.#mood.byMs : 0);
    return new Transform({
      transform(chunk: Buffer, _, done: TransformCallback) {
        const ms = delayMs();
        if (ms === 0) done(null, chunk);
        else setTimeout(() => done(null, chunk), ms);
      },
    });
  }
}
