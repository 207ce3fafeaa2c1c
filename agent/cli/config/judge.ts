import { complete } from "./complete.ts";
import type { Config } from "./config.ts";
import { crossCheck } from "./cross-check.ts";
import { durationMs } from "./duration.ts";
import { KEYS, type Key, SECTIONS, type SectionName } from "./keys.ts";
import { type Candidate, describeFound, type Problem, type Source } from "./problem.ts";
import { ConfigSchema } from "./schema.ts";

export interface Judgement<S extends SectionName> {
  /** Absent if a value of `sections` is wrong. */
  readonly config?: Pick<Config, S>;
  readonly problems: readonly Problem[];
  /** What is right, and probably not meant. */
  readonly doubts: readonly Problem[];
  readonly sources: ReadonlyMap<string, Source>;
}

/**
 * Puts the candidates through the schema, section by section, and then looks at what concerns
 * several values.
 */
export function judge<S extends SectionName>(
  candidates: ReadonlyMap<string, Candidate>,
  sections: readonly S[],
  credentialsDir: string | undefined,
): Judgement<S> {
  const wanted = new Set<SectionName>(sections);
  const problems: Problem[] = [];
  const passed: [SectionName, unknown][] = [];
  for (const section of SECTIONS) {
    const { shape } = ConfigSchema;
    const schema = wanted.has(section) ? shape[section] : shape[section].partial();
    const result = schema.safeParse(valuesOf(section, candidates));
    if (!result.success) problems.push(...problemsOf(section, result.error.issues, candidates));
    else if (wanted.has(section)) passed.push([section, result.data]);
  }
  const sources = new Map(
    KEYS.filter((key) => wanted.has(key.section)).map((key) => [key.path, sourceOf(key, candidates)]),
  );
  // Each section that is in `passed` was judged by the schema of its name.
  const completed = complete(Object.fromEntries(passed), credentialsDir);
  problems.push(...completed.problems, ...crossCheck(completed.config, sources));
  if (problems.length > 0 || !holds(completed.config, sections)) return { problems, doubts: [], sources };
  const doubts = doubtful([...candidates.values()].filter(({ key }) => wanted.has(key.section)));
  return { config: deepFreeze(completed.config), problems, doubts, sources };
}

/** A bare number of ms that comes to less than a second: 600 where 600 s were meant. */
function doubtful(candidates: readonly Candidate[]): readonly Problem[] {
  return candidates.flatMap(({ key, value, source }) => {
    if (!key.isDuration || typeof value !== "number" || value === 0 || value >= SECOND_MS) return [];
    const expected = `"${value}ms" where that is meant, or "${value}s"`;
    return [{ key: key.path, source, found: `${value}, which is ${value / SECOND_MS} s`, expected }];
  });
}

const SECOND_MS = 1_000;

function holds<S extends SectionName>(
  config: Partial<Config>,
  sections: readonly S[],
): config is Partial<Config> & Pick<Config, S> {
  return sections.every((section) => config[section] !== undefined);
}

function valuesOf(section: SectionName, candidates: ReadonlyMap<string, Candidate>): Record<string, unknown> {
  const given = [...candidates.values()].filter(({ key }) => key.section === section);
  return Object.fromEntries(given.map(({ key, value }) => [key.name, key.isDuration ? inMs(value) : value]));
}

/** What is no time with its unit stays as it is, for the schema to judge. */
function inMs(value: unknown): unknown {
  return typeof value === "string" ? (durationMs(value) ?? value) : value;
}

/** The first issue of each key: a value that has the wrong type is not also too long. */
function problemsOf(
  section: SectionName,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
  candidates: ReadonlyMap<string, Candidate>,
): readonly Problem[] {
  const keys = KEYS.filter((key) => key.section === section);
  return keys.flatMap((key) => {
    const issue = issues.find(({ path }) => path[0] === key.name);
    if (issue === undefined) return [];
    const value = candidates.get(key.path)?.value;
    const howToGive = value === undefined ? ` (as ${key.flag}, ${key.variable} or in the file)` : "";
    const expected = `${issue.message}${howToGive}`;
    return [{ key: key.path, source: sourceOf(key, candidates), found: describeFound(value, key.sensitive), expected }];
  });
}

function sourceOf(key: Key, candidates: ReadonlyMap<string, Candidate>): Source {
  return candidates.get(key.path)?.source ?? { from: "default" };
}

/** Freezes a tree of plain objects in place and gives it back. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
