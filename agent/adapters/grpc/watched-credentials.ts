import { ChannelCredentials, type experimental } from "@grpc/grpc-js";
import { watchConnection } from "./watch-connection.ts";

type Making = Parameters<ChannelCredentials["_createSecureConnector"]>;

/** The same credentials; each connection that is made with them is watched until it is closed. */
export class WatchedCredentials extends ChannelCredentials {
  readonly #credentials: ChannelCredentials;

  constructor(credentials: ChannelCredentials) {
    super();
    this.#credentials = credentials;
  }

  override _isSecure(): boolean {
    return this.#credentials._isSecure();
  }

  override _equals(other: ChannelCredentials): boolean {
    return other instanceof WatchedCredentials && this.#credentials._equals(other.#credentials);
  }

  override _createSecureConnector(...making: Making): experimental.SecureConnector {
    const connector = this.#credentials._createSecureConnector(...making);
    return {
      connect(socket) {
        watchConnection(socket);
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }
}
