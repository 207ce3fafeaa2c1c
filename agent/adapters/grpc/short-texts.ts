import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import { requireAtMost } from "./scalars-from-proto.ts";

/** PEM, which has limits of its own. */
const LONGER: ReadonlySet<string> = new Set(["buildCaCertificates", "caCertificates"]);

/**
 * What is said back in reports, put into orders, or kept in memory must not be as long as a message
 * may be. Looks at each text, each run of bytes and each name of a map, of whatever field, so that
 * the next one is bounded as well.
 * @throws {ContractBreach} that names the field: "open_builds[3].build_id".
 */
export function requireShortTexts(message: object): void {
  // Nearly always so; names are only put together for a text that is too long.
  if (isShort("", message)) return;
  for (const [name, value] of Object.entries(message)) look(inContract(name), name, value);
}

/** Whether each of them is. By `for in`: of hundreds of builds each text is looked at each time. */
function isShort(name: string, value: unknown): boolean {
  if (typeof value === "string" || value instanceof Uint8Array)
    return value.length <= CONTRACT_LIMITS.textCharacters || LONGER.has(name);
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every((item) => isShort(name, item));
  if (isOneof(value)) return isShort(value.$case, value.value);
  for (const key in value)
    if (key.length > CONTRACT_LIMITS.textCharacters || !isShort(key, Reflect.get(value, key))) return false;
  return true;
}

function look(field: string, name: string, value: unknown): void {
  if (typeof value === "string" || value instanceof Uint8Array) {
    if (!LONGER.has(name)) requireShort(field, value);
  } else if (Array.isArray(value)) value.forEach((item: unknown, at) => look(`${field}[${at}]`, name, item));
  else if (isOneof(value)) look(besideIn(field, value.$case), value.$case, value.value);
  else if (typeof value === "object" && value !== null)
    for (const [key, held] of Object.entries(value)) {
      requireShort(field, key);
      look(`${field}.${inContract(key.slice(0, SHOWN_OF_A_NAME))}`, key, held);
    }
}

/** Of a name in a map, which may be anything. */
const SHOWN_OF_A_NAME = 60;

/** The contract has no name for a choice: only for what was chosen. */
function besideIn(field: string, chosen: string): string {
  return field.slice(0, field.lastIndexOf(".") + 1) + inContract(chosen);
}

function requireShort(field: string, value: string | Uint8Array): void {
  const of = typeof value === "string" ? "characters" : "bytes";
  requireAtMost(field, value.length, CONTRACT_LIMITS.textCharacters, of);
}

/** As ts-proto makes them of `oneof`. */
function isOneof(value: unknown): value is { readonly $case: string; readonly value: unknown } {
  return typeof value === "object" && value !== null && "$case" in value && typeof value.$case === "string";
}

/** "buildCaCertificates" → "build_ca_certificates". */
function inContract(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
