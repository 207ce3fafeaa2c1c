/** When everything here happens, unless a test says otherwise. */
export const NOW_MS = Date.UTC(2026, 10, 20, 12, 0, 0);
export const NOW_S = NOW_MS / 1_000;
export const DAY_MS = 24 * 60 * 60_000;
