import { once } from "node:events";
import type { TLSSocket } from "node:tls";

/** RFC 9113, section 3.4: the client's connection preface, with an empty SETTINGS frame. */
const PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from("000000040000000000", "hex"),
]);
const SETTINGS = 4;
const FRAME_TYPE_AT = 3;

/** Whether an HTTP/2 server answers the preface with its SETTINGS, as it must. */
export async function answersHttp2(socket: TLSSocket): Promise<boolean> {
  socket.write(PREFACE);
  const [first] = (await once(socket, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
  return first[FRAME_TYPE_AT] === SETTINGS;
}
