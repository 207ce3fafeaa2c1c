import { readSync } from "node:fs";
import { AgentError } from "../../core/errors.ts";
import type { HandshakeBytes } from "../../ports/handshake-bytes.ts";

/** Of Node's undocumented handles, what is used: these four, in this file only. */
interface Handles {
  readonly fd: number;
  readStart(): number;
  readStop(): number;
  /** What Node itself calls for bytes that were read before there was a TLS socket. */
  receive(bytes: Uint8Array): void;
}

/**
 * Node gives a client's bytes to OpenSSL as they come, as many as come, without a word to us. So
 * its reading is stopped and the descriptor read here. Tests run it on both Nodes
 * (docs/decisions/0037-a-handshake-has-its-turn.md).
 */
export function nodeHandshakeBytes(): HandshakeBytes {
  return {
    hold: (raw) => void handleOf(raw, "readStop")?.readStop(),
    release: (raw) => void handleOf(raw, "readStart")?.readStart(),
    read: (raw, mostBytes) => {
      const handle = handleOf(raw, "fd");
      return handle === undefined ? "end" : readNow(handle.fd, mostBytes);
    },
    give: (secured, bytes) => handleOf(secured, "receive")?.receive(bytes),
  };
}

/** What is read lies here until it is copied: most clients send a fraction of what they may. */
let scratch = Buffer.alloc(0);

/** libuv has made the descriptor one that never blocks. */
function readNow(fd: number, mostBytes: number): Uint8Array | "nothing" | "end" {
  if (scratch.length < mostBytes) scratch = Buffer.allocUnsafeSlow(mostBytes);
  try {
    const bytes = readSync(fd, scratch, 0, mostBytes, null);
    return bytes === 0 ? "end" : Uint8Array.prototype.slice.call(scratch, 0, bytes);
  } catch (failure) {
    return failure instanceof Error && "code" in failure && failure.code === "EAGAIN" ? "nothing" : "end";
  }
}

/** Undefined once the socket is closed. @throws {AgentError} "gateway.node-unknown" */
function handleOf<Part extends keyof Handles>(socket: object, part: Part): Pick<Handles, Part> | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (handle === null || handle === undefined) return undefined;
  if (typeof handle === "object" && has(handle, part)) return handle;
  throw new AgentError(
    "gateway.node-unknown",
    `Node ${process.version} has no ${part} where the gateway needs it; run the Node that the package carries`,
    { retryable: false },
  );
}

function has<Part extends keyof Handles>(handle: object, part: Part): handle is Pick<Handles, Part> {
  return part in handle;
}
