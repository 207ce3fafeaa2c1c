/** Turns the first SIGTERM or SIGINT into `stop`, and the next into `hurry`. The listeners do not keep the process alive. */
export function stopSignals(): { readonly stop: AbortSignal; readonly hurry: AbortSignal } {
  const stop = new AbortController();
  const hurry = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    (stop.signal.aborted ? hurry : stop).abort(name);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return { stop: stop.signal, hurry: hurry.signal };
}
