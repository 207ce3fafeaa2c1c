import { createSocket } from "node:dgram";
import { isIP } from "node:net";
import { untilBeatMs } from "../../core/beat.ts";

const LOOK_MS = 5_000;

/**
 * Calls `moved`, once, when packets to `peer` ("192.0.2.7:443", "[2001:db8::7]:443") leave from
 * another address than they did at first: a TCP connection stays with its own, is lost with it, and
 * the kernel tells nobody for a quarter of an hour. No way at all may be back as it was. Gives what
 * ends the watch. Where the far end has no address, behind a proxy, nothing is watched.
 */
export function watchOwnAddress(peer: string, moved: (from: string, to: string) => void): () => void {
  const target = /^\[?(?<host>[^\]]+)\]?:(?<port>\d+)$/.exec(peer)?.groups;
  const { host = "", port = "" } = target ?? {};
  if (isIP(host) === 0) return () => undefined;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  let first: string | undefined;
  const look = async (): Promise<void> => {
    const now = await ownAddress(host, Number(port));
    if (isOver) return;
    first ??= now;
    if (first !== undefined && now !== undefined && now !== first) moved(first, now);
    else
      timer = setTimeout(
        () => void look(),
        untilBeatMs({ monoMs: Number(process.hrtime.bigint() / 1_000_000n) }, LOOK_MS),
      );
  };
  void look();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

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
