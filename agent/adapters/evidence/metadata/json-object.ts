/**
 * Undefined if it is not an object of JSON. The parser's error is dropped: it quotes what it read,
 * which may be a secret.
 */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
