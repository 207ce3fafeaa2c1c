import { z } from "zod";
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
  /** What a flag's or a variable's text is recognised as. */
  readonly type: "number" | "boolean" | "text";
  /** Its name ends in Ms: a text with a unit is as good as a number. */
  readonly isDuration: boolean;
  readonly sensitive: boolean;
  readonly description: string;
  /** As a person reads it; absent if there is no default. */
  readonly defaultText: string | undefined;
}

export const SECTIONS: readonly SectionName[] = ConfigSchema.keyof().options;

export const KEYS: readonly Key[] = SECTIONS.flatMap((section) => {
  const shape: Readonly<Record<string, z.ZodType>> = ConfigSchema.shape[section].shape;
  return Object.entries(shape).map(([name, schema]) => keyOf(section, name, schema));
});

function keyOf(section: SectionName, name: string, schema: z.ZodType): Key {
  const kebab = `${section}-${name}`.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { description = "", "x-sensitive": sensitive, "x-default": dependent } = schema.meta() ?? {};
  return {
    section,
    name,
    path: `${section}.${name}`,
    flag: `--${kebab}`,
    variable: `BUILDER_AGENT_${kebab.replaceAll("-", "_").toUpperCase()}`,
    type: typeOf(schema),
    isDuration: isDuration(name),
    sensitive: sensitive === true,
    description,
    defaultText: typeof dependent === "string" ? dependent : plainDefault(schema),
  };
}

export function isDuration(name: string): boolean {
  return name.endsWith("Ms");
}

function typeOf(schema: z.core.$ZodType): Key["type"] {
  if (schema instanceof z.ZodDefault) return typeOf(schema.unwrap());
  if (schema instanceof z.ZodNumber) return "number";
  return schema instanceof z.ZodBoolean ? "boolean" : "text";
}

function plainDefault(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? String(schema.def.defaultValue)
    : undefined;
}
