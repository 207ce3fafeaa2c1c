import { z } from "zod";
import { ConfigSchema } from "./schema.ts";

/**
 * The JSON Schema (2020-12) of the TOML file, for editors and for machines that make
 * configurations.
 */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(ConfigSchema, {
    io: "input",
    // Nothing is required of the file: a value may come from a flag or the environment as well.
    override: ({ jsonSchema }) => void delete jsonSchema.required,
  });
  return { title: "builder-agent's configuration file", ...schema };
}
