/**
 * Aborted by the first SIGINT, SIGTERM or SIGHUP. Later ones change nothing here: the ending is
 * bounded already, and nothing of it may be skipped; `hurrySignal` is for what can be shortened.
 * @param onHangUp what SIGHUP means instead.
 */
export function stopSignal(onHangUp?: () => void): AbortSignal {
  const stop = new AbortController();
  const end = (name: string) => (): void => stop.abort(new Error(`stopped by ${name}`));
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, end(name));
  process.on("SIGHUP", onHangUp ?? end("SIGHUP"));
  return stop.signal;
}

/** One Ctrl-C comes several times: from the terminal, and from npm, which passes it on. */
const SAME_MS = 1_000;

/** Aborted by a SIGINT or SIGTERM that comes a second or more after what aborted `stop`. */
export function hurrySignal(stop: AbortSignal): AbortSignal {
  const hurry = new AbortController();
  const listen = (): void => {
    const sinceMs = performance.now();
    const again = (): void => {
      if (performance.now() - sinceMs >= SAME_MS) hurry.abort();
    };
    process.on("SIGINT", again).on("SIGTERM", again);
  };
  stop.addEventListener("abort", listen, { once: true });
  return hurry.signal;
}
