/**
 * The known name that was most likely meant, if one is close: at most `mostEdits` letters and a
 * third of them differ, or it begins with `name`. Case, "-" and "_" do not count, so that
 * `max_connections` finds `maxConnections`.
 */
export function nearestName(
  name: string,
  known: readonly string[],
  mostEdits = Number.POSITIVE_INFINITY,
): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined;
  const given = plain(name).slice(0, 64);
  for (const candidate of known) {
    const meant = plain(candidate);
    const distance = editDistance(given, meant);
    const close = distance <= Math.min(mostEdits, Math.ceil(meant.length / 3));
    const begun = distance <= mostEdits && given.length > 2 && meant.startsWith(given);
    if ((close || begun) && (best === undefined || distance < best.distance)) best = { name: candidate, distance };
  }
  return best?.name;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
