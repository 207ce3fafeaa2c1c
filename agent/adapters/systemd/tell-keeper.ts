import { Socket } from "node:net";
import { inherited } from "./inherited.ts";
import { watchdogEveryMs } from "./notify.ts";

/**
 * Tells whoever keeps this process (bin/keep-gateway, the launcher) that it does not hang: through
 * the pipe that ALIVE_FD names, from the event loop, every ALIVE_EVERY_MS or as often as systemd
 * wants signs of life. Unlike those it goes on while the process only finishes, until `signal`.
 * Nothing happens where there is no keeper, or one of a release that does not listen. Does not keep
 * the process alive.
 */
export function tellKeeper(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
  signal: AbortSignal,
): void {
  const fd = inherited(environment["ALIVE_FD"], (about) => about.isFIFO() || about.isSocket());
  const everyMs = askedEveryMs(environment["ALIVE_EVERY_MS"]) ?? watchdogEveryMs(environment, pid);
  if (fd === undefined || everyMs === undefined) return;
  const pipe = new Socket({ fd, readable: false, writable: true }).unref();
  // Whoever has not read what is there has enough to read: a write must not wait for that.
  const tell = (): void => void (pipe.writableLength === 0 && pipe.write("."));
  const timer = setInterval(tell, everyMs).unref();
  const over = (): void => clearInterval(timer);
  // Nobody is there any more.
  pipe.once("error", over);
  signal.addEventListener("abort", over, { once: true });
  tell();
}

function askedEveryMs(ms: string | undefined): number | undefined {
  return ms !== undefined && /^[1-9]\d*$/.test(ms) ? Number(ms) : undefined;
}
