import { AgentError } from "../../core/errors.ts";
import { describeSource, type Source } from "./source.ts";

/** One thing that is wrong with the configuration. */
export interface Problem {
  /** "gateway.listen"; empty when it is about a file as a whole. */
  readonly key: string;
  readonly source: Source;
  readonly found: string;
  readonly expected: string;
}

export class ConfigInvalid extends AgentError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
    super("config.invalid", `The configuration has ${count}:\n${problems.map(describeProblem).join("\n")}`, {
      retryable: false,
    });
    this.problems = problems;
  }
}

function describeProblem({ key, source, found, expected }: Problem): string {
  const where = key === "" ? describeSource(source) : `${key} (${describeSource(source)})`;
  return `  ${where}: found ${found}, expected ${expected}`;
}
