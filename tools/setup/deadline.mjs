/**
 * Runs `work` under a signal that is aborted after `ms`, or with `outer`. The timer is held here:
 * Node 20 drops that of `AbortSignal.any([signal, AbortSignal.timeout(ms)])`.
 * @template T
 * @param {number} ms
 * @param {AbortSignal} outer
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withDeadline(ms, outer, work) {
  const limit = new AbortController();
  const follow = () => limit.abort(outer.reason);
  const timer = setTimeout(() => limit.abort(new DOMException(`Not within ${ms} ms`, "TimeoutError")), ms);
  outer.addEventListener("abort", follow, { once: true });
  if (outer.aborted) follow();
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", follow);
  }
}
