import { Secret } from "./secret.ts";

/**
 * Whether two values of plain data say the same: primitives, arrays, byte arrays, maps, sets of
 * primitives, secrets and objects of these. Anything else (a key, a promise) is the same only if it
 * is the same object.
 */
export function sameData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Secret) return b instanceof Secret && sameData(a.reveal(), b.reveal());
  if (a instanceof Map) return b instanceof Map && sameMap(a, b);
  if (a instanceof Set) return b instanceof Set && a.size === b.size && [...a].every((item) => b.has(item));
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameList(a, b);
  if (Array.isArray(a)) return Array.isArray(b) && sameList(a, b);
  return isRecord(a) && isRecord(b) && sameFields(a, b);
}

function sameList(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (!sameData(a[at], b[at])) return false;
  return true;
}

function sameMap(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.has(key) && sameData(value, b.get(key)));
}

/** A field that is absent and one that is undefined say the same. */
function sameFields(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  for (const name in a) if (!sameData(a[name], b[name])) return false;
  for (const name in b) if (!(name in a) && b[name] !== undefined) return false;
  return true;
}

function isRecord(value: object): value is Readonly<Record<string, unknown>> {
  return Object.getPrototypeOf(value) === Object.prototype;
}
