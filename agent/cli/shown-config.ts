import { shownAddress } from "../core/shown-words.ts";
import type { Config, LoadedConfig } from "./config/config.ts";
import { formatHostPort } from "./config/host-port.ts";
import { KEYS, type SectionName } from "./config/keys.ts";
import { describeSource } from "./config/problem.ts";

export interface ShownValue {
  readonly key: string;
  readonly value: string | number | boolean | null;
  readonly source: string;
}

/**
 * Each value in force and where it came from. None is a secret: those are named by their file, and
 * what may be one in an address is left out.
 */
export function shownConfig<S extends SectionName>({
  config,
  sources,
}: Pick<LoadedConfig<S>, "config" | "sources">): readonly ShownValue[] {
  const sections: Partial<Config> = config;
  return KEYS.filter(({ section }) => sections[section] !== undefined).map((key) => ({
    key: key.path,
    value: shownValue(sections[key.section] ?? {}, key.name),
    source: describeSource(sources.get(key.path) ?? { from: "default" }),
  }));
}

/** As it would be written in the file; null if there is none. */
function shownValue(section: object, name: string): ShownValue["value"] {
  const value: unknown = Object.entries(section).find(([key]) => key === name)?.[1];
  if (typeof value === "string") return value.includes("://") ? shownAddress(value) : value;
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "object" && value !== null && "host" in value && "port" in value)
    return formatHostPort({ host: String(value.host), port: Number(value.port) });
  return null;
}
