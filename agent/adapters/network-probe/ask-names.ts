import { once } from "node:events";
import type { ProbeOutcome } from "../../core/network/probe-target.ts";
import { withConnection } from "./tcp.ts";
import { withPeer } from "./udp.ts";

/** A question may get lost. */
const AGAIN_MS = 700;

const HEADER_BYTES = 12;
const RECURSION_DESIRED = 0x0100;
const TYPE_NS = 2;
const CLASS_IN = 1;

/**
 * RFC 1035: the name servers of the root, which every resolver knows. What it answers does not
 * matter.
 */
function question(id: number): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + 5);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(RECURSION_DESIRED, 2);
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(TYPE_NS, HEADER_BYTES + 1);
  message.writeUInt16BE(CLASS_IN, HEADER_BYTES + 3);
  return message;
}

export async function askOverUdp(host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return withPeer(host, port, signal, async (socket) => {
    const ask = (): void => socket.send(question(port));
    ask();
    const again = setInterval(ask, AGAIN_MS);
    try {
      const answers: readonly unknown[] = await once(socket, "message", { signal });
      return answered(answers[0], 0);
    } finally {
      clearInterval(again);
    }
  });
}

/** As over UDP, with its length before it. */
export async function askOverTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return withConnection(host, port, signal, async (socket) => {
    const asked = question(port);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(asked.length);
    socket.write(Buffer.concat([length, asked]));
    // Its first bytes come in one piece, or it is no resolver.
    const answers: readonly unknown[] = await once(socket, "data", { signal });
    return answered(answers[0], length.length);
  });
}

/** Of the codes, only their names in RFC 1035 and 2136: the rest is told as a number. */
const CODES: readonly string[] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

/** `start`: where its header begins. */
function answered(message: unknown, start: number): ProbeOutcome {
  if (!Buffer.isBuffer(message) || message.length < start + HEADER_BYTES)
    return { is: "answered", detail: "answered, but not as a resolver" };
  const code = message.readUInt16BE(start + 2) & 0x000f;
  return { is: "answered", detail: CODES[code] ?? `code ${code}` };
}
