import { complete } from "./complete.ts";
import type { Config } from "./config.ts";
import { crossCheck } from "./cross-check.ts";
import { durationMs } from "./duration.ts";
import { KEYS, type Key, SECTIONS, type SectionName } from "./keys.ts";
import { type Candidate, describeFound, type Problem, type Source } from "./problem.ts";

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
    const read = readSection(section, candidates, wanted.has(section));
    problems.push(...read.problems);
    if (wanted.has(section) && read.problems.length === 0) passed.push([section, read.values]);
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

interface ReadSection {
  readonly values: Readonly<Record<string, unknown>>;
  readonly problems: readonly Problem[];
}

/** Of a section that is not wanted only what is given is looked at. */
function readSection(section: SectionName, candidates: ReadonlyMap<string, Candidate>, isWanted: boolean): ReadSection {
  const values: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const key of KEYS.filter((known) => known.section === section)) {
    const given = candidates.get(key.path)?.value;
    const value = (key.isDuration ? inMs(given) : given) ?? key.kind.fallback;
    if (value === undefined && (!isWanted || key.kind.presence === "maybe")) continue;
    const reading = key.kind.read(value);
    if ("value" in reading) values[key.name] = reading.value;
    else problems.push(problemOf(key, candidates, reading.expected));
  }
  return { values, problems };
}

/** What is no time with its unit stays as it is, for the schema to judge. */
function inMs(value: unknown): unknown {
  return typeof value === "string" ? (durationMs(value) ?? value) : value;
}

function problemOf(key: Key, candidates: ReadonlyMap<string, Candidate>, expected: string): Problem {
  const value = candidates.get(key.path)?.value;
  const howToGive = value === undefined ? ` (as ${key.flag}, ${key.variable} or in the file)` : "";
  const found = describeFound(value, key.sensitive);
  return { key: key.path, source: sourceOf(key, candidates), found, expected: `${expected}${howToGive}` };
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
