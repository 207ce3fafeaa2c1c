/** Undefined if it is not JSON. The parser's error is dropped: it quotes what it read. */
export function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
