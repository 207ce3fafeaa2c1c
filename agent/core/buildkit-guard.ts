import {
  type BuildkitPlaces,
  fixedConfig,
  OWN_TABLE,
  STEP_LOG_MAX_BYTES,
  STEP_LOG_MAX_BYTES_PER_SECOND,
} from "./buildkit-config.ts";

/** What a configuration may add to the fixed part, by path; "*" stands for any one key. */
const TUNABLE: readonly (readonly string[])[] = [
  ["history", "maxAge"],
  ["history", "maxEntries"],
  ["worker", "oci", "gcpolicy", "*"],
  ["worker", "oci", "max-parallelism"],
  ["registry", "*", "mirrors"],
  [OWN_TABLE, STEP_LOG_MAX_BYTES],
  [OWN_TABLE, STEP_LOG_MAX_BYTES_PER_SECOND],
];

/**
 * Where a configuration leaves what is fixed on this machine, a sentence each; none: it may be
 * used. Whoever starts BuildKit as root asks this of a configuration that a less trusted process
 * wrote: it must not be a way to the host's network, to entitlements or to other paths.
 */
export function deviations(config: Readonly<Record<string, unknown>>, places: BuildkitPlaces): readonly string[] {
  const fixed = leaves(fixedConfig(places));
  const given = leaves(config);
  const wrong = [...given].filter(([key, { path, text }]) => fixed.get(key)?.text !== text && !isTunable(path));
  const missing = [...fixed.keys()].filter((key) => !given.has(key));
  return [
    ...wrong.map(([, { path }]) => `${path.join(".")} is not what this machine allows`),
    ...missing.map((key) => `${fixed.get(key)?.path.join(".") ?? key} is missing`),
  ];
}

function isTunable(path: readonly string[]): boolean {
  return TUNABLE.some(
    (pattern) => pattern.length === path.length && pattern.every((part, at) => part === "*" || part === path[at]),
  );
}

interface Leaf {
  readonly path: readonly string[];
  /** As JSON: two leaves are the same if this is. */
  readonly text: string;
}

/**
 * Tables are walked, and lists of tables as if each were the only one; a list of anything else is a
 * leaf, also an empty one.
 */
function leaves(
  table: object,
  path: readonly string[] = [],
  found = new Map<string, Leaf>(),
): ReadonlyMap<string, Leaf> {
  for (const [name, value] of Object.entries(table)) {
    const at = [...path, name];
    const tables: readonly unknown[] = Array.isArray(value) && value.length > 0 ? value : [value];
    if (tables.every(isTable)) for (const each of tables) leaves(each, at, found);
    else found.set(JSON.stringify(at), { path: at, text: JSON.stringify(value) });
  }
  return found;
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
