import { type ConnectionInjector, Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Authorities } from "./authorities.ts";
import type { Settings } from "./options.ts";
import { SERVICE } from "./raw-message.ts";
import { tellsTime } from "./tells-time.ts";
import { type Presented, TlsListener } from "./tls-listener.ts";

/** The gRPC server behind its TLS port, and the ways in which a network or a server may fail. */
export class Transport {
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #listener: TlsListener;
  readonly #leakDeadlineMs: number;

  private constructor(server: Server, injector: ConnectionInjector, listener: TlsListener, leakDeadlineMs: number) {
    this.#leakDeadlineMs = leakDeadlineMs;
    this.#server = server;
    this.#injector = injector;
    this.#listener = listener;
  }

  static async open(
    settings: Settings,
    authorities: Authorities,
    calls: UntypedServiceImplementation,
    now: () => number,
  ): Promise<Transport> {
    const server = new Server({ interceptors: [tellsTime(now)] });
    server.addService(SERVICE, calls);
    // TLS is ours (TlsListener): what is injected is plain already, and grpc-js reads the peer's
    // certificate from its socket.
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const { certPem, keyPem } = await authorities.ownCertificate();
    const listener = await TlsListener.open({
      host: settings.host,
      port: settings.port,
      certPem,
      keyPem,
      clientCaPem: authorities.machines.certPem,
      onConnection: (socket) => injector.injectConnection(socket),
    });
    return new Transport(server, injector, listener, settings.leakDeadlineMs);
  }

  get port(): number {
    return this.#listener.port;
  }

  get connections(): number {
    return this.#listener.connections;
  }

  stopListening(): void {
    this.#listener.stop();
  }

  async listenAgain(): Promise<void> {
    await this.#listener.listen();
  }

  /** Another certificate, or other CAs of machines, for handshakes from now on. */
  present(presented: Presented): void {
    this.#listener.present(presented);
  }

  cutConnections(): void {
    this.#listener.cut();
  }

  goAway(graceMs: number): void {
    this.#injector.drain(graceMs);
  }

  /**
   * Takes no new connections, and says goodbye on those that are open; cuts what is left after
   * `graceMs`.
   */
  async hangUp(graceMs: number): Promise<void> {
    this.#listener.stop();
    this.#injector.drain(graceMs);
    await this.#listener.emptied(graceMs);
    this.#listener.cut();
  }

  /**
   * @throws {Error} if a connection is still there after `leakDeadlineMs`: whoever dialled did not
   * hang up. It is cut then.
   */
  async close(): Promise<void> {
    this.#listener.stop();
    const left = (await this.#listener.emptied(this.#leakDeadlineMs)) ? 0 : this.connections;
    this.#listener.cut();
    this.#server.forceShutdown();
    if (left > 0)
      throw new Error(
        `${left} connection(s) to the control plane were still open ${this.#leakDeadlineMs} ms after its end.`,
      );
  }
}
