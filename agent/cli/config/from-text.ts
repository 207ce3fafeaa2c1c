import { KEYS, type Key } from "./keys.ts";
import { nearestName } from "./nearest.ts";
import type { Candidate, Gathered, Problem, Source } from "./problem.ts";

/** Flags by their long name, with the dashes. */
export type Flags = Readonly<Record<string, string>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** Names the configuration file, as --config does. */
export const FILE_VARIABLE = "BUILDER_AGENT_CONFIG";
const PREFIX = "BUILDER_AGENT_";

export function fromFlags(flags: Flags): Gathered {
  const given = KEYS.flatMap((key) => candidate(key, flags[key.flag], { from: "flag", flag: key.flag }));
  return { candidates: given, problems: [] };
}

/**
 * An empty variable is one that is not set: templates leave them. A variable that nearly names a
 * key is refused as a slip of the pen; others with our prefix are left alone, because Kubernetes
 * makes such ones for a service called builder-agent.
 */
export function fromEnvironment(environment: Environment): Gathered {
  const set = KEYS.flatMap((key) =>
    candidate(key, environment[key.variable] || undefined, { from: "environment", variable: key.variable }),
  );
  return { candidates: set, problems: Object.keys(environment).flatMap(misspelt) };
}

function candidate(key: Key, text: string | undefined, source: Source): readonly Candidate[] {
  return text === undefined ? [] : [{ key, value: recognised(key.type, text), source }];
}

/**
 * Numbers and booleans are recognised here, so that the schema judges the same types whatever the
 * source; any other text stays as it is.
 */
function recognised(type: Key["type"], text: string): unknown {
  if (type === "number" && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

function misspelt(variable: string): readonly Problem[] {
  if (!variable.startsWith(PREFIX) || variable === FILE_VARIABLE) return [];
  if (KEYS.some((key) => key.variable === variable)) return [];
  const names = KEYS.map((key) => key.variable.slice(PREFIX.length));
  const nearest = nearestName(variable.slice(PREFIX.length), names, 2);
  if (nearest === undefined) return [];
  const source = { from: "environment", variable } as const;
  return [{ key: "", source, found: "a variable that names no key", expected: `${PREFIX}${nearest}` }];
}
