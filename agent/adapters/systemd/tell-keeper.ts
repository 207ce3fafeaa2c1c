import { writeSync } from "node:fs";
import { inherited } from "./inherited.ts";
import { watchdogEveryMs } from "./notify.ts";

/**
 * Tells the gateway's keeper (bin/keep-gateway) that this process does not hang: through the pipe
 * that ALIVE_FD names, from the event loop, as often as systemd wants signs of life. Unlike those
 * it goes on while the process only finishes, until `signal`. Nothing happens where there is no
 * keeper, or one of a release that does not listen.
 */
export function tellKeeper(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
  signal: AbortSignal,
): void {
  const fd = inherited(environment["ALIVE_FD"], (about) => about.isFIFO());
  const everyMs = watchdogEveryMs(environment, pid);
  if (fd === undefined || everyMs === undefined) return;
  tell(fd);
  const timer = setInterval(() => tell(fd), everyMs).unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

function tell(fd: number): void {
  try {
    writeSync(fd, ".");
  } catch {
    // Full: it has enough to read. Or nobody is there any more.
  }
}
