/**
 * The same order for the same seed, every order as likely as any other: the first N are a fair
 * sample. @template T @param {readonly T[]} all @param {number} seed @returns {T[]}
 */
export function shuffled(all, seed) {
  const next = randomOf(seed);
  const keyed = all.map((each) => ({ each, key: next() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ each }) => each);
}

/** Mulberry32: 0 up to 1. @param {number} seed */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}
