import type { LoadedConfig } from "./config.ts";
import { fromFile } from "./from-file.ts";
import { type Environment, FILE_VARIABLE, type Flags, fromEnvironment, fromFlags } from "./from-text.ts";
import { judge } from "./judge.ts";
import type { SectionName } from "./keys.ts";
import { type Candidate, ConfigInvalid, type Gathered } from "./problem.ts";
import { DEFAULT_FILE, isProblem, readTomlFile } from "./toml-file.ts";

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
  const { flags, environment } = origins;
  const named = origins.file ?? (environment[FILE_VARIABLE] || undefined);
  const read = await readTomlFile(named ?? DEFAULT_FILE, named !== undefined, signal);
  if (read !== undefined && isProblem(read)) throw new ConfigInvalid([read]);
  const gathered = [fromFlags(flags), fromEnvironment(environment), ...(read === undefined ? [] : [fromFile(read)])];
  const verdict = judge(firstOfEach(gathered), sections, environment["CREDENTIALS_DIRECTORY"]);
  const problems = [...gathered.flatMap((source) => source.problems), ...verdict.problems];
  if (verdict.config === undefined || problems.length > 0) throw new ConfigInvalid(problems);
  const { config, sources, doubts } = verdict;
  return { config, sources, doubts, ...(read !== undefined && { file: read.file }) };
}

function firstOfEach(gathered: readonly Gathered[]): ReadonlyMap<string, Candidate> {
  const first = new Map<string, Candidate>();
  for (const candidate of gathered.flatMap((source) => source.candidates)) {
    if (!first.has(candidate.key.path)) first.set(candidate.key.path, candidate);
  }
  return first;
}
