import type { z } from "zod";
import { ConfigSchema } from "./schema.ts";

export type SectionName = keyof typeof ConfigSchema.shape;

/** One key of the configuration, under all its names. */
export interface Key {
  readonly section: SectionName;
  /** Within the section: "listen". */
  readonly name: string;
  /** "gateway.listen" */
  readonly path: string;
  /** "--gateway-listen" */
  readonly flag: string;
  /** "BUILDER_AGENT_GATEWAY_LISTEN" */
  readonly variable: string;
  readonly isNumber: boolean;
  readonly sensitive: boolean;
  readonly description: string;
}

/** Object.keys of a shape that we wrote ourselves: its keys are exactly these. */
export const SECTIONS = Object.keys(ConfigSchema.shape) as readonly SectionName[];

export const KEYS: readonly Key[] = SECTIONS.flatMap((section) =>
  Object.entries(ConfigSchema.shape[section].shape).map(([name, schema]) => keyOf(section, name, schema)),
);

function keyOf(section: SectionName, name: string, schema: z.core.$ZodType & z.ZodType): Key {
  const kebab = `${section}-${name}`.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const meta = schema.meta() ?? {};
  return {
    section,
    name,
    path: `${section}.${name}`,
    flag: `--${kebab}`,
    variable: `BUILDER_AGENT_${kebab.replaceAll("-", "_").toUpperCase()}`,
    isNumber: innermost(schema)._zod.def.type === "number",
    sensitive: meta["x-sensitive"] === true,
    description: meta.description ?? "",
  };
}

/** The schema under its default, if it has one. */
function innermost(schema: z.core.$ZodType): z.core.$ZodTypes {
  // Every schema that zod makes is a member of the union $ZodTypes; the base class alone does not tell the compiler.
  const known = schema as z.core.$ZodTypes;
  const { def } = known._zod;
  return def.type === "default" || def.type === "prefault" || def.type === "optional"
    ? innermost(def.innerType)
    : known;
}
