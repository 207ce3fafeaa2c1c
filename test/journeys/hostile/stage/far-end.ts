import type { TLSSocket } from "node:tls";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { AttachCall } from "../../../../sandbox/control-plane/attachment.ts";
import type { EmbeddedControlPlane } from "../../../../sandbox/control-plane/embedded-control-plane.ts";
import { RawMessage, SERVICE } from "../../../../sandbox/control-plane/raw-message.ts";
import { TlsListener } from "../../../../sandbox/control-plane/tls-listener.ts";

/** What a far end does with whoever comes. */
export type Conduct =
  /** gRPC as it should be, but for what is said on the stream. */
  | { readonly speaks: "grpc"; readonly attach: (call: AttachCall) => void }
  /** TLS as it should be, and then whatever it likes. */
  | { readonly speaks: "bytes"; readonly connected: (socket: TLSSocket) => void };

/**
 * Somebody who holds the control plane's own key, and means no good: a machine believes it, and
 * what it says is not what the contract has.
 */
export class FarEnd implements AsyncDisposable {
  readonly #server: Server;
  readonly #listener: TlsListener;

  private constructor(server: Server, listener: TlsListener) {
    this.#server = server;
    this.#listener = listener;
  }

  static async open({ authorities }: EmbeddedControlPlane, conduct: () => Conduct): Promise<FarEnd> {
    const server = new Server();
    const attach = (call: AttachCall): void => {
      call.on("error", () => undefined);
      call.resume();
      const now = conduct();
      if (now.speaks === "grpc") now.attach(call);
    };
    server.addService({ attach: SERVICE.attach }, { attach });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const { certPem, keyPem } = await authorities.ownCertificate();
    const listener = await TlsListener.open({
      ...{ host: "127.0.0.1", port: 0, certPem, keyPem, clientCaPem: authorities.machines.certPem },
      onConnection(socket) {
        const now = conduct();
        if (now.speaks === "grpc") injector.injectConnection(socket);
        else now.connected(socket);
      },
    });
    return new FarEnd(server, listener);
  }

  get port(): number {
    return this.#listener.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.stop();
    this.#listener.cut();
    this.#server.forceShutdown();
  }
}

/** Sends what `next` gives, as fast as the far end takes it, until it is over. */
export function flood(call: AttachCall, next: () => Uint8Array): void {
  const pour = (): void => {
    for (let at = 0; at < BEFORE_A_PAUSE; at += 1) {
      if (call.destroyed || call.cancelled) return;
      if (!call.write(new RawMessage(next()))) {
        call.once("drain", pour);
        return;
      }
    }
    setImmediate(pour);
  };
  pour();
}

/** The test has other things to do, too. */
const BEFORE_A_PAUSE = 100;
