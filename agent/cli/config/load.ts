import type { LoadedConfig } from "./config.ts";
import { fromFile } from "./from-file.ts";
import { type Environment, FILE_VARIABLE, type Flags, fromEnvironment, fromFlags } from "./from-text.ts";
import { judge } from "./judge.ts";
import type { SectionName } from "./keys.ts";
import { type Candidate, ConfigInvalid, type Gathered, type Problem } from "./problem.ts";
import { DEFAULT_FILE, firstStep, isProblem, readTomlFile } from "./toml-file.ts";

/**
 * Where configuration comes from, the first that names a key winning: flags, environment, file,
 * default.
 */
export interface Origins {
  readonly flags: Flags;
  readonly environment: Environment;
  /** --config, if it was given. */
  readonly file?: string;
}

/**
 * The configuration of a process that needs `sections`. Every value that is given is judged,
 * whatever its section; only those of `sections` must be there.
 *
 * @throws {ConfigInvalid} with all problems at once.
 */
export async function loadConfig<S extends SectionName>(
  origins: Origins,
  sections: readonly S[],
  signal: AbortSignal,
): Promise<LoadedConfig<S>> {
  const { gathered, file, unread } = await gather(origins, signal);
  if (unread !== undefined) throw new ConfigInvalid([unread]);
  const verdict = judge(firstOfEach(gathered), sections, origins.environment["CREDENTIALS_DIRECTORY"]);
  const problems = [...gathered.flatMap((source) => source.problems), ...verdict.problems];
  if (verdict.config === undefined || problems.length > 0)
    throw new ConfigInvalid(problems, file === undefined ? await firstStep() : undefined);
  const { config, sources, doubts } = verdict;
  return { config, sources, doubts, ...(file !== undefined && { file }) };
}

/**
 * What can be had of a configuration that is wrong: what is wrong in it counts as not given. For
 * whoever looks into what went wrong, and for sections that need no value.
 */
export async function salvageConfig<S extends SectionName>(
  origins: Origins,
  sections: readonly S[],
  signal: AbortSignal,
): Promise<LoadedConfig<S>["config"]> {
  const { gathered } = await gather(origins, signal);
  const given = firstOfEach(gathered);
  const wrong = new Set(judge(given, [], undefined).problems.map(({ key }) => key));
  const { config, problems } = judge(new Map([...given].filter(([path]) => !wrong.has(path))), sections, undefined);
  if (config === undefined) throw new ConfigInvalid(problems);
  return config;
}

interface AllGathered {
  readonly gathered: readonly Gathered[];
  readonly file?: string;
  /** Why the file counts as none. */
  readonly unread?: Problem;
}

async function gather({ flags, environment, file }: Origins, signal: AbortSignal): Promise<AllGathered> {
  const named = file ?? (environment[FILE_VARIABLE] || undefined);
  const texts = [fromFlags(flags), fromEnvironment(environment)];
  const read = await readTomlFile(named ?? DEFAULT_FILE, named !== undefined, signal);
  if (read === undefined) return { gathered: texts };
  return isProblem(read)
    ? { gathered: texts, unread: read }
    : { gathered: [...texts, fromFile(read)], file: read.file };
}

function firstOfEach(gathered: readonly Gathered[]): ReadonlyMap<string, Candidate> {
  const first = new Map<string, Candidate>();
  for (const candidate of gathered.flatMap((source) => source.candidates)) {
    if (!first.has(candidate.key.path)) first.set(candidate.key.path, candidate);
  }
  return first;
}
