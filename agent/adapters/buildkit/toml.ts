import { parse, stringify } from "smol-toml";

export function toToml(config: Readonly<Record<string, unknown>>): string {
  return stringify(config);
}

/** @throws whatever the parser says, with line and column. */
export function fromToml(text: string): Readonly<Record<string, unknown>> {
  return parse(text);
}
