import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6 } from "node:net";
import type { Heard } from "../../core/network/probe-target.ts";
import type { Listening } from "./protocol.ts";

/**
 * Listens at an address, on a TCP and on a UDP port of the system's choice, until it is disposed.
 * Connections are closed at once.
 */
export class Listener implements AsyncDisposable {
  readonly at: NonNullable<Listening>;
  readonly #close: () => Promise<void>;

  private constructor(at: NonNullable<Listening>, close: () => Promise<void>) {
    this.at = at;
    this.#close = close;
  }

  /**
   * Undefined if the address cannot be listened at, for instance because it is gone by now. `from`
   * is who was heard.
   */
  static async open(address: string, onHeard: (heard: Heard, from: string) => void): Promise<Listener | undefined> {
    const family = isIPv6(bare(address)) ? "udp6" : "udp4";
    const tcp = createServer((socket) => {
      socket.on("error", () => undefined);
      const { localPort = 0, remoteAddress = "" } = socket;
      socket.destroy();
      onHeard({ via: "tcp", address: bare(address), port: localPort }, bare(remoteAddress));
    });
    const udp = createSocket({ type: family, ipv6Only: family === "udp6" });
    const close = async (): Promise<void> => {
      await Promise.all([
        new Promise<void>((resolve) => tcp.close(() => resolve())),
        new Promise<void>((resolve) => udp.close(() => resolve())),
      ]);
    };
    try {
      tcp.listen({ host: address, port: 0, ipv6Only: true });
      udp.bind({ address, port: 0 });
      await Promise.all([once(tcp, "listening"), once(udp, "listening")]);
    } catch {
      await close();
      return undefined;
    }
    const bound = tcp.address();
    const tcpPort = bound !== null && typeof bound === "object" ? bound.port : 0;
    const { port: udpPort } = udp.address();
    udp.on("message", (_, { address: from }) =>
      onHeard({ via: "udp", address: bare(address), port: udpPort }, bare(from)),
    );
    return new Listener({ tcpPort, udpPort }, close);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

/** Without its interface. */
function bare(address: string): string {
  return address.split("%")[0] ?? "";
}
