/**
 * What moves a terminal's cursor, turns the direction of a text or is not seen at all: what
 * strangers wrote must not do it.
 */
const UNSHOWN = /(?!\t)[\p{Cc}\p{Cf}\u2028\u2029]/gu;

const ESCAPE = "\u001B";
/** A line break, and our own colours: with these nobody hides or moves anything. */
const OURS = new RegExp(`\n|${ESCAPE}\\[(?:[012]|3[123])m`, "gu");

/** A text that a terminal can only show: what it would obey is there as its number. */
export function plainWords(text: string): string {
  return text.replace(UNSHOWN, escaped);
}

/** The same of lines that may have our colours. */
export function plainLines(text: string): string {
  let [shown, from] = ["", 0];
  for (const { 0: ours, index } of text.matchAll(OURS)) {
    shown += plainWords(text.slice(from, index)) + ours;
    from = index + ours.length;
  }
  return shown + plainWords(text.slice(from));
}

/** As in JSON, so that a text of JSON stays what it was. */
function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
