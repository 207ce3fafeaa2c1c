import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import type { ProbeOutcome } from "../../core/network/probe-target.ts";

const WORD = Buffer.from("builder-agent tries whether builds are isolated\n");

/** Says a word, and waits for any answer; whoever listens there may tell us that it was heard. */
export async function sayUdp(host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return withPeer(host, port, signal, async (socket) => {
    socket.send(WORD);
    await once(socket, "message", { signal });
    return { is: "answered", detail: "answered" };
  });
}

/**
 * A socket that knows only this peer, so that a refusal on the way (ICMP) comes back as its error.
 */
export async function withPeer<T>(
  host: string,
  port: number,
  signal: AbortSignal,
  work: (socket: Socket) => Promise<T>,
): Promise<T> {
  const socket = createSocket(isIPv6(host.split("%")[0] ?? "") ? "udp6" : "udp4");
  try {
    socket.connect(port, host);
    await once(socket, "connect", { signal });
    return await work(socket);
  } finally {
    socket.on("error", () => undefined);
    socket.close();
  }
}
