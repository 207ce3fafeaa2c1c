const ending = new AbortController();

/** Aborted once this run has been told to end; the reason names the signal. */
export const interrupted = ending.signal;

/**
 * From now on a signal does not end this process: it ends what runs, and the summary says how far
 * that came.
 */
export function heedSignals() {
  for (const name of /** @type {const} */ (["SIGTERM", "SIGINT", "SIGHUP"])) process.on(name, () => ending.abort(name));
}
