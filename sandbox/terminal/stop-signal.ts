/**
 * Aborted by the first SIGINT, SIGTERM or SIGHUP. Later ones change nothing: the ending is bounded
 * already, and must not be cut short.
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => stop.abort(new Error(`stopped by ${name}`)));
  }
  return stop.signal;
}
