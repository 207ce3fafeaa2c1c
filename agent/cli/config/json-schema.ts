import { z } from "zod";
import { DURATION_PATTERN } from "./duration.ts";
import { isDuration } from "./keys.ts";
import { ConfigSchema } from "./schema.ts";

/**
 * The JSON Schema (2020-12) of the TOML file, for editors and for machines that make
 * configurations.
 */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(ConfigSchema, {
    io: "input",
    // Nothing is required of the file: a value may come from a flag or the environment as well.
    override: ({ jsonSchema, path }) => {
      delete jsonSchema.required;
      if (isDuration(String(path.at(-1))) && jsonSchema.type === "integer") alsoInWords(jsonSchema);
    },
  });
  return { title: "builder-agent's configuration file", ...schema };
}

/** A number of ms may also be a text with a unit. */
function alsoInWords(schema: z.core.JSONSchema.BaseSchema): void {
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema;
  schema.anyOf = [
    { type: "integer", minimum, maximum },
    { type: "string", pattern: DURATION_PATTERN },
  ];
  delete schema.type;
  delete schema.minimum;
  delete schema.maximum;
}
