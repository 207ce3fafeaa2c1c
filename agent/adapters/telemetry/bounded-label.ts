/**
 * Far above what any of our labels has; a flood of made-up values must not fill the memory of
 * whoever scrapes us.
 */
const MAX_VALUES = 64;

/**
 * A label's values: those that are known from the start and the first others are kept as they are,
 * what comes after them counts as "other".
 */
export function boundedLabel(from: readonly string[]): (value: string) => string {
  const known = new Set(from);
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= MAX_VALUES) return "other";
    known.add(value);
    return value;
  };
}
