import type { TLSSocket } from "node:tls";
import type { Rig } from "./rig.ts";

export type Outcome =
  | { readonly served: true; readonly alpn: string | false | null }
  | { readonly served: false; readonly reason: string; readonly detail: string; readonly certificate: unknown };

const PATIENCE_MS = 20_000;

/**
 * Asks for an echo. In TLS 1.3 a client's handshake is over before it is refused: only an answer
 * says that it was let in.
 */
export async function visit(rig: Rig, socket: TLSSocket): Promise<Outcome> {
  const port = await rig.localPort(socket);
  const answered = await answers(socket);
  const alpn = socket.alpnProtocol;
  socket.destroy();
  if (answered) return { served: true, alpn };
  const line = await rig.log.first(
    ({ event, data }) => event === "session.refused" && String(data["peer"]).endsWith(`:${port}`),
  );
  return {
    served: false,
    reason: String(line.data["reason"]),
    detail: String(line.data["detail"]),
    certificate: line.data["certificate"],
  };
}

/** True if what is sent comes back; false if the connection ends first. */
export function answers(socket: TLSSocket): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error("neither an answer nor an end")), PATIENCE_MS);
    const settle = (answered: boolean) => (): void => {
      clearTimeout(deadline);
      resolve(answered);
    };
    socket.once("data", settle(true));
    socket.once("close", settle(false));
    if (socket.destroyed) settle(false)();
    socket.write("?");
  });
}
