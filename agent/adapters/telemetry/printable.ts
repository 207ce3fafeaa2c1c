import { Secret } from "../../core/secret.ts";
import { shownWords } from "../../core/shown-words.ts";
import { logError } from "./log-error.ts";

/** What a log line may hold at most of one thing; beyond it the line says that there was more. */
const MAX_TEXT = 8_192;
const MAX_ITEMS = 100;
const MAX_DEPTH = 6;

/** Later than 2001, in milliseconds: no length of time is as long. */
const TIMES_BEGIN_MS = 1e12;

export interface Manner {
  /** Whether errors show where they began. */
  readonly stacks: boolean;
}

/**
 * A value as plain JSON that is safe to print: secrets, bytes and private keys in PEM never show,
 * errors show their causes, a time in milliseconds (`notAfterMs`) stands beside the same in
 * RFC 3339 (`notAfter`), bigints and collections become what JSON knows, and nothing is unbounded.
 * Never throws: a log line must not end what it reports on.
 */
export function printable(value: unknown, how: Manner = { stacks: false }, depth = 0): unknown {
  try {
    return convert(value, how, depth);
  } catch {
    return "[unprintable]";
  }
}

function convert(value: unknown, how: Manner, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return text(value);
    case "bigint":
      return value.toString();
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "function":
    case "symbol":
      return `[${typeof value}]`;
    case "object":
      return value === null ? null : object(value, how, depth);
    case "boolean":
    case "undefined":
      return value;
    default:
      return "[unprintable]";
  }
}

function text(value: string): string {
  if (value.includes("PRIVATE KEY-----")) return "[private key]";
  const shown = shownWords(value);
  return shown.length <= MAX_TEXT ? shown : `${shown.slice(0, MAX_TEXT)}… (${value.length} characters)`;
}

function object(value: object, how: Manner, depth: number): unknown {
  if (value instanceof Secret) return value.toJSON();
  if (value instanceof Error) return fields(Object.entries(logError(value, how.stacks)), how, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toJSON();
  if (value instanceof URL) return text(value.href);
  if (depth >= MAX_DEPTH) return "[deeper]";
  if (Array.isArray(value)) return items(value, value.length, how, depth);
  if (value instanceof Set) return items(value, value.size, how, depth);
  if (value instanceof Map)
    return fields(
      [...value].map(([key, held]) => [String(key), held]),
      how,
      depth,
    );
  return fields(Object.entries(value), how, depth);
}

function items(values: Iterable<unknown>, count: number, how: Manner, depth: number): readonly unknown[] {
  const shown = [...values].slice(0, MAX_ITEMS).map((item) => printable(item, how, depth + 1));
  return count <= MAX_ITEMS ? shown : [...shown, `… ${count - MAX_ITEMS} more`];
}

function fields(entries: readonly (readonly [string, unknown])[], how: Manner, depth: number): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  let left = MAX_ITEMS;
  for (const [key, held] of entries) {
    if (left === 0) break;
    left -= 1;
    put(shown, key, printable(held, how, depth + 1));
    const time = timeBeside(key, held);
    if (time !== undefined) put(shown, key.slice(0, -"Ms".length), time);
  }
  if (entries.length > MAX_ITEMS) put(shown, "…", `${entries.length - MAX_ITEMS} more`);
  return shown;
}

/** Whatever its name: that which an assignment would take for the object's prototype, too. */
function put(shown: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(shown, key, { value, enumerable: true });
  else shown[key] = value;
}

function timeBeside(key: string, held: unknown): string | undefined {
  if (typeof held !== "number" || held < TIMES_BEGIN_MS || !key.endsWith("Ms")) return undefined;
  const time = new Date(held);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
