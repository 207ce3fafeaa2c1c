import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { ProbeOutcome } from "../../core/network/probe-target.ts";

/** Rejects with the system's error; with an AbortError once `signal` is aborted. */
export async function connectTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return withConnection(host, port, signal, () => Promise.resolve({ is: "answered", detail: "connected" }));
}

export async function withConnection<T>(
  host: string,
  port: number,
  signal: AbortSignal,
  work: (socket: Socket) => Promise<T>,
): Promise<T> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect", { signal });
    return await work(socket);
  } finally {
    socket.on("error", () => undefined);
    socket.destroy();
  }
}
