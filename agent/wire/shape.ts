/** A schema, as far as this room needs one. The types of zod fit. */
export interface Shape<T> {
  safeParse(
    value: unknown,
  ): { readonly success: true; readonly data: T } | { readonly success: false; readonly error: Misfit };
}

interface Misfit {
  readonly issues: readonly { readonly path: readonly PropertyKey[] }[];
}

/** The shape of what must not come. */
export const NEVER: Shape<never> = { safeParse: () => ({ success: false, error: { issues: [] } }) };

/**
 * What comes of a value by a shape. zod 4 asks for a length also where there is no string, and one
 * that cannot be compared throws there: it does not fit either.
 */
export function fitted<T>(shape: Shape<T>, value: unknown): ReturnType<Shape<T>["safeParse"]> {
  try {
    return shape.safeParse(value);
  } catch {
    return { success: false, error: { issues: [] } };
  }
}

/** Where a value does not fit. Never what was there: a request may hold a key. */
export function misfit({ issues }: Misfit): string {
  const path = issues[0]?.path.map(String).join(".") ?? "";
  return path === "" ? "it has other fields than it must have" : `its field ${path} is wrong`;
}
