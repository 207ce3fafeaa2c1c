/** How evenly calls came: the most in one window against what the mean would bring. */
export interface Arrivals {
  readonly calls: number;
  readonly seconds: number;
  /** How long a window is. */
  readonly windowSeconds: number;
  readonly peakPerSecond: number;
  readonly meanPerSecond: number;
  readonly peakToMean: number;
}

/** So many are to be expected in a window: of fewer, chance alone makes a peak. */
const ENOUGH_IN_A_WINDOW = 20;

/**
 * @param timesMs when each call began. Those before `fromMs` and after `untilMs` do not count.
 */
export function arrivals(timesMs: readonly number[], fromMs: number, untilMs: number): Arrivals {
  const counted = timesMs.filter((atMs) => atMs >= fromMs && atMs <= untilMs);
  const calls = counted.length;
  const lastedSeconds = (untilMs - fromMs) / 1_000;
  const windowSeconds = Math.max(1, Math.ceil((ENOUGH_IN_A_WINDOW * lastedSeconds) / Math.max(1, calls)));
  const seconds = Math.max(lastedSeconds, windowSeconds);
  const windows = new Map<number, number>();
  for (const atMs of counted) {
    const window = Math.floor((atMs - fromMs) / 1_000 / windowSeconds);
    windows.set(window, (windows.get(window) ?? 0) + 1);
  }
  const peakPerSecond = Math.max(0, ...windows.values()) / windowSeconds;
  const meanPerSecond = calls / seconds;
  return {
    calls,
    seconds: lastedSeconds,
    windowSeconds,
    peakPerSecond,
    meanPerSecond,
    peakToMean: calls === 0 ? 0 : peakPerSecond / meanPerSecond,
  };
}

/** The smallest value that so great a share of all is not above; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
