/**
 * As few of them, in their order, as still break something: leaves out halves, then quarters, down
 * to single ones. Ends at `isOver` with the fewest so far.
 */
export async function fewest<T>(
  all: readonly T[],
  breaks: (rest: readonly T[]) => Promise<boolean>,
  isOver: () => boolean,
): Promise<readonly T[]> {
  let kept = all;
  for (let size = Math.ceil(kept.length / 2); size >= 1 && !isOver(); size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = kept.length - size; from > -size && !isOver(); from -= size) {
      const rest = [...kept.slice(0, Math.max(0, from)), ...kept.slice(from + size)];
      if (await breaks(rest)) kept = rest;
    }
  }
  return kept;
}
