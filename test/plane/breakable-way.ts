import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A way over loopback to a far end, which breaks as it is told. */
export class BreakableWay implements AsyncDisposable {
  readonly endpoint: string;
  readonly #server: Server;
  readonly #near = new Set<Socket>();
  #held: Buffer[] | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    // Listening on TCP: an address with a port.
    this.endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (near) => this.#lead(near, port));
  }

  static async to(endpoint: string): Promise<BreakableWay> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new BreakableWay(server, Number(endpoint.split(":").at(-1)));
  }

  /** Its end is told in good order. */
  finish(): void {
    for (const near of this.#near) near.end();
  }

  /** As if its process were killed with words unread. */
  reset(): void {
    for (const near of this.#near) near.resetAndDestroy();
  }

  /** From now on, what the far end sends stays here. */
  hold(): void {
    this.#held = [];
  }

  get heldBytes(): number {
    return (this.#held ?? []).reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * What is held arrives, and the reset with it: what the near end writes while it reads meets the
   * reset before it has read of it.
   */
  letGoAndReset(): void {
    for (const near of this.#near) near.write(Buffer.concat(this.#held ?? []));
    this.reset();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const near of this.#near) near.destroy();
    await closed;
  }

  #lead(near: Socket, port: number): void {
    const far = connect(port, "127.0.0.1");
    this.#near.add(near);
    near.once("close", () => {
      this.#near.delete(near);
      far.destroy();
    });
    for (const socket of [near, far]) socket.on("error", () => socket.destroy());
    near.pipe(far, { end: false });
    far.on("data", (bytes) => {
      if (this.#held !== undefined) this.#held.push(bytes);
      else if (!near.write(bytes)) {
        far.pause();
        near.once("drain", () => far.resume());
      }
    });
  }
}
