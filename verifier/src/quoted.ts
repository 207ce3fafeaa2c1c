const MOST_CHARACTERS = 100;

/**
 * A name out of evidence, fit for a line of the audit log: on one line, ASCII, and short. Only for
 * names of accounts, instances and the like, never for what holds a nonce.
 */
export function quoted(name: unknown): string {
  const text = typeof name === "string" ? name : typeof name;
  const shown = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
  return JSON.stringify(shown).replace(/[^\x20-\x7e]/g, "?");
}
