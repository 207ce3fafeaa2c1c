/** Every place of `value`, from the whole to the innermost. */
export function placesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  const inner = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return [path, ...inner.flatMap(([name, one]) => placesOf(one, [...path, name]))];
}

/** The same with something else at one place; undefined takes it away. */
export function withAt(value: unknown, [name, ...rest]: readonly string[], other: unknown): unknown {
  if (name === undefined) return other;
  const copy: Record<string, unknown> = Object.assign(Array.isArray(value) ? [] : {}, value);
  copy[name] = withAt(copy[name], rest, other);
  return copy;
}
