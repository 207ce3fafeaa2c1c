import { Secret } from "../../core/secret.ts";
import { logError } from "./log-error.ts";

/** What a log line may hold at most of one thing; beyond it the line says that there was more. */
const MAX_TEXT = 8_192;
const MAX_ITEMS = 100;
const MAX_DEPTH = 6;

/**
 * A value as plain JSON that is safe to print: secrets, bytes and private keys in PEM never show,
 * errors show their causes, bigints and collections become what JSON knows, and nothing is
 * unbounded. Never throws: a log line must not end what it reports on.
 */
export function printable(value: unknown, depth = 0): unknown {
  try {
    return convert(value, depth);
  } catch {
    return "[unprintable]";
  }
}

function convert(value: unknown, depth: number): unknown {
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
      return value === null ? null : object(value, depth);
    case "boolean":
    case "undefined":
      return value;
    default:
      return "[unprintable]";
  }
}

function text(value: string): string {
  if (value.includes("PRIVATE KEY-----")) return "[private key]";
  return value.length <= MAX_TEXT ? value : `${value.slice(0, MAX_TEXT)}… (${value.length} characters)`;
}

function object(value: object, depth: number): unknown {
  if (value instanceof Secret) return value.toJSON();
  if (value instanceof Error) return fields(Object.entries(logError(value)), depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toJSON();
  if (value instanceof URL) return text(value.href);
  if (depth >= MAX_DEPTH) return "[deeper]";
  if (Array.isArray(value)) return items(value, value.length, depth);
  if (value instanceof Set) return items(value, value.size, depth);
  if (value instanceof Map)
    return fields(
      [...value].map(([key, held]) => [String(key), held]),
      depth,
    );
  return fields(Object.entries(value), depth);
}

function items(values: Iterable<unknown>, count: number, depth: number): readonly unknown[] {
  const shown = [...values].slice(0, MAX_ITEMS).map((item) => printable(item, depth + 1));
  return count <= MAX_ITEMS ? shown : [...shown, `… ${count - MAX_ITEMS} more`];
}

function fields(entries: readonly (readonly [string, unknown])[], depth: number): Record<string, unknown> {
  const shown = entries.slice(0, MAX_ITEMS).map(([key, held]) => [key, printable(held, depth + 1)] as const);
  const rest = entries.length - shown.length;
  return Object.fromEntries(rest > 0 ? [...shown, ["…", `${rest} more`]] : shown);
}
