import { quoted } from "./quoted.ts";
import { Refused } from "./refusal.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/**
 * An object of JSON in UTF-8. A name that stands twice in one object is refused, at any depth: two
 * readers would see two documents.
 * @throws {Refused} "malformed", "duplicate-key"
 */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  const text = attempted(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), what, "UTF-8");
  const value = attempted((): unknown => JSON.parse(text), what, "JSON");
  if (!isJsonObject(value)) throw new Refused("malformed", `The ${what} is not an object of JSON.`);
  const twice = duplicateName(text);
  if (twice !== undefined) throw new Refused("duplicate-key", `The ${what} has ${quoted(twice)} twice in one object.`);
  return value;
}

/** What the parser says stays here: it quotes what it read. */
function attempted<T>(read: () => T, what: string, format: string): T {
  try {
    return read();
  } catch {
    throw new Refused("malformed", `The ${what} is not ${format}.`);
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What the object itself has under a name, never what it inherits. */
export function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/**
 * `text` is JSON. A string is a name where an object expects one: after `{`, and after its
 * commas.
 */
function duplicateName(text: string): string | undefined {
  const open: (Set<string> | "array")[] = [];
  let expectsName = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const inside = open.at(-1);
    if (token.startsWith('"')) {
      if (!expectsName || inside === undefined || inside === "array") continue;
      const name = String(JSON.parse(token));
      if (inside.has(name)) return name;
      inside.add(name);
      expectsName = false;
    } else if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : "array");
      expectsName = token === "{";
    } else if (token === "}" || token === "]") {
      open.pop();
      expectsName = false;
    } else {
      expectsName = token === "," && inside !== "array";
    }
  }
  return undefined;
}
