import type { Socket } from "node:net";
import { untilBeatMs } from "../../core/beat.ts";

const LOOK_MS = 1_000;
/** A connection that has just ended is left to whoever reads from it: there may be last words. */
const LOOK_AGAIN_MS = 200;

/**
 * Destroys `socket` soon after the kernel has given up its TCP connection: reset by the far end, or
 * unanswered for too long. Node tells that only by what is read, and HTTP/2 does not read while it
 * writes: where a write is the first to meet a reset, TLS never ends the write after it, nothing is
 * read any more, and calls live on until somebody misses a word (nodejs/node#61304).
 */
export function watchConnection(socket: Socket): void {
  let wasGone = false;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const gone = isGone(socket);
    if (gone && wasGone) {
      socket.destroy();
      return;
    }
    wasGone = gone;
    timer = setTimeout(look, gone ? LOOK_AGAIN_MS : untilBeatMs({ monoMs: performance.now() }, LOOK_MS));
    timer.unref();
  };
  socket.once("close", () => clearTimeout(timer));
  look();
}

interface Handle {
  /** 0, or the negative number of a system error: ENOTCONN once there is no other end. */
  getpeername?(into: object): number;
}

/**
 * Node's own `remoteAddress` is what was true at first. Where Node has another handle some day,
 * nothing is gone, and a test fails.
 */
function isGone(socket: Socket): boolean {
  const handle: Handle | null | undefined = (socket as Socket & { readonly _handle?: Handle | null })._handle;
  return (handle?.getpeername?.({}) ?? 0) < 0;
}
