import { DURATION_PATTERN } from "./duration.ts";
import { KEYS, type Key, SECTIONS } from "./keys.ts";

/**
 * The JSON Schema (2020-12) of the TOML file, for editors and for machines that make
 * configurations. Nothing is required of the file: a value may come from a flag or the environment
 * as well.
 */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const sections = SECTIONS.map((section) => {
    const keys = KEYS.filter((key) => key.section === section);
    return [section, table(keys.map((key) => [key.name, schemaOf(key)]))] as const;
  });
  const $schema = "https://json-schema.org/draft/2020-12/schema";
  return { title: "builder-agent's configuration file", $schema, ...table(sections) };
}

function table(properties: readonly (readonly [string, object])[]): object {
  return { type: "object", properties: Object.fromEntries(properties), additionalProperties: false };
}

function schemaOf({ kind, isDuration }: Key): object {
  const { about, fallback, form } = kind;
  return { ...about, ...(fallback !== undefined && { default: fallback }), ...(isDuration ? alsoInWords(form) : form) };
}

/** A number of ms may also be a text with a unit. */
function alsoInWords(form: Key["kind"]["form"]): object {
  return { anyOf: [form, { type: "string", pattern: DURATION_PATTERN }] };
}
