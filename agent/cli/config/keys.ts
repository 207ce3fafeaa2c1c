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
  readonly isNumber: boolean;
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
    isNumber: isNumber(schema),
    sensitive: sensitive === true,
    description,
    defaultText: typeof dependent === "string" ? dependent : plainDefault(schema),
  };
}

function isNumber(schema: z.core.$ZodType): boolean {
  return schema instanceof z.ZodDefault ? isNumber(schema.unwrap()) : schema instanceof z.ZodNumber;
}

function plainDefault(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? String(schema.def.defaultValue)
    : undefined;
}
