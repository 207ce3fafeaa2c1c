import { isIP } from "node:net";
import { untilBeatMs } from "../../core/beat.ts";
import { ownAddress } from "./own-address.ts";

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
