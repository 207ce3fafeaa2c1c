/**
 * Aborted by the first SIGINT, SIGTERM or SIGHUP. Later ones change nothing: the ending is bounded
 * already, and must not be cut short.
 * @param onHangUp what SIGHUP means instead.
 */
export function stopSignal(onHangUp?: () => void): AbortSignal {
  const stop = new AbortController();
  const end = (name: string) => (): void => stop.abort(new Error(`stopped by ${name}`));
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, end(name));
  process.on("SIGHUP", onHangUp ?? end("SIGHUP"));
  return stop.signal;
}
