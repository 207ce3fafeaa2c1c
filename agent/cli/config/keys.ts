import type { Kind, Section } from "./kind.ts";
import { CONFIG_SCHEMA } from "./schema.ts";

export type SectionName = keyof typeof CONFIG_SCHEMA;

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
  /** What its value may be. */
  readonly kind: Kind<unknown, "always" | "maybe">;
  /** What a flag's or a variable's text is recognised as. */
  readonly type: "number" | "boolean" | "text";
  /** Its name ends in Ms: a text with a unit is as good as a number. */
  readonly isDuration: boolean;
  readonly sensitive: boolean;
  readonly description: string;
  /** As a person reads it; absent if there is no default. */
  readonly defaultText: string | undefined;
}

/** By name. Of each section the keys, and what their values may be. */
const SCHEMA: Readonly<Record<SectionName, Section>> = CONFIG_SCHEMA;

export const SECTIONS: readonly SectionName[] = Object.keys(SCHEMA).filter(isSection);

function isSection(name: string): name is SectionName {
  return name in SCHEMA;
}

const TYPES = { integer: "number", boolean: "boolean", string: "text" } as const;

export const KEYS: readonly Key[] = SECTIONS.flatMap((section) =>
  Object.entries(SCHEMA[section]).map(([name, kind]) => keyOf(section, name, kind)),
);

function keyOf(section: SectionName, name: string, kind: Key["kind"]): Key {
  const kebab = `${section}-${name}`.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { description = "", "x-sensitive": sensitive = false, "x-default": dependent } = kind.about;
  const plain = kind.fallback === undefined ? undefined : String(kind.fallback);
  return {
    section,
    name,
    path: `${section}.${name}`,
    flag: `--${kebab}`,
    variable: `BUILDER_AGENT_${kebab.replaceAll("-", "_").toUpperCase()}`,
    kind,
    type: TYPES[kind.form.type],
    isDuration: isDuration(name),
    sensitive,
    description,
    defaultText: dependent ?? plain,
  };
}

function isDuration(name: string): boolean {
  return name.endsWith("Ms");
}
