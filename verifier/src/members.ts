import { Refused } from "./refusal.ts";
import { isJsonObject, type JsonObject, member } from "./strict-json.ts";

/** A text that looks as this kind of name looks. @throws {Refused} "malformed" */
export function textMember(object: JsonObject, name: string, form: RegExp): string {
  const value = member(object, name);
  if (typeof value !== "string" || !form.test(value))
    throw new Refused("malformed", `"${name}" is missing, or is not what such a name looks like.`);
  return value;
}

/** As `textMember`; undefined where there is none. @throws {Refused} "malformed" */
export function optionalText(object: JsonObject, name: string, form: RegExp): string | undefined {
  return member(object, name) === undefined ? undefined : textMember(object, name, form);
}

/** @throws {Refused} "malformed" */
export function objectMember(object: JsonObject, name: string): JsonObject {
  const value = member(object, name);
  if (!isJsonObject(value)) throw new Refused("malformed", `"${name}" is missing, or is not an object.`);
  return value;
}
