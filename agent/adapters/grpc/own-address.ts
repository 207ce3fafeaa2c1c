import { createSocket } from "node:dgram";
import { isIP } from "node:net";

/** Of a socket that has no way, or one without an address. */
const NO_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/**
 * From which address packets to there leave, as the routes are now; undefined: there is no way, or
 * the way's link has no address. A connected datagram socket sends nothing.
 */
export function ownAddress(host: string, port: number): Promise<string | undefined> {
  const socket = createSocket(isIP(host) === 6 ? "udp6" : "udp4");
  return new Promise((resolve) => {
    const over = (address: string | undefined): void => {
      socket.close();
      resolve(address);
    };
    socket.once("error", () => over(undefined));
    // Called by Node where there is no way, too.
    socket.connect(port, host, () => {
      const { address } = socket.address();
      over(NO_ADDRESS.has(address) ? undefined : address);
    });
  });
}
