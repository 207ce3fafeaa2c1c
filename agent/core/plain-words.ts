/**
 * What moves a terminal's cursor, turns the direction of a text or is not seen at all: what
 * strangers wrote must not do it.
 */
const UNSHOWN = /(?!\t)[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** A text that a terminal can only show: what it would obey is there as its number. */
export function plainWords(text: string): string {
  return text.replace(UNSHOWN, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
}
