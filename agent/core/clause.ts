/**
 * Words that are gone on after, by a view or by a sentence around them: no full stop ends them, and
 * none that came with somebody else's words stands before a sign of ours.
 */
export function clause(words: string): string {
  return words.replaceAll(/(?<!\.)\.(?=[,;:](?:\s|$))/g, "").replace(/(?<!\.)\.?\s*$/, "");
}
