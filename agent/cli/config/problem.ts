import { AgentError } from "../../core/errors.ts";
import { shownAddress } from "../../core/shown-words.ts";
import type { Key } from "./keys.ts";

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
  /** What to do first, on a machine that nobody has configured. */
  readonly firstStep: FirstStep | undefined;

  constructor(problems: readonly Problem[], firstStep?: FirstStep) {
    const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
    const all = problems.map(describeProblem).join("\n");
    const first = firstStep && `${firstStep.found}. First: ${firstStep.next}\n`;
    super("config.invalid", `${first ?? ""}The configuration has ${count}:\n${all}`, { retryable: false });
    this.problems = problems;
    this.firstStep = firstStep;
  }
}

/** Why nothing can work yet, and the command, or the words, that begin. */
export interface FirstStep {
  readonly found: string;
  readonly next: string;
}

export function describeProblem({ key, source, found, expected }: Problem): string {
  const where = key === "" ? describeSource(source) : `${key} (${describeSource(source)})`;
  return `  ${where}: found ${found}, expected ${expected}`;
}

/** Where a value came from. */
export type Source =
  | { readonly from: "flag"; readonly flag: string }
  | { readonly from: "environment"; readonly variable: string }
  | { readonly from: "file"; readonly file: string; readonly line?: number }
  | { readonly from: "default" };

export function describeSource(source: Source): string {
  switch (source.from) {
    case "flag":
      return `flag ${source.flag}`;
    case "environment":
      return `environment ${source.variable}`;
    case "file":
      return source.line === undefined ? `file ${source.file}` : `file ${source.file} line ${source.line}`;
    case "default":
      return "default";
    default:
      return source satisfies never;
  }
}

const SHOWN_CHARACTERS = 80;

/**
 * A wrong value as an error may show it: short, on one line, and without what could be a secret.
 */
export function describeFound(value: unknown, sensitive: boolean): string {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string":
      return sensitive ? `a text of ${value.length} characters` : quote(value);
    case "number":
    case "bigint":
    case "boolean":
      return sensitive ? `a ${typeof value}` : String(value);
    default:
      if (Array.isArray(value)) return "a list";
      return value instanceof Date ? "a date" : "a table";
  }
}

function quote(text: string): string {
  const shown = shownAddress(text);
  const characters = [...shown];
  if (characters.length <= SHOWN_CHARACTERS) return JSON.stringify(shown);
  return `${JSON.stringify(characters.slice(0, SHOWN_CHARACTERS).join(""))}… (${characters.length} characters)`;
}

/** A value for a key, not yet judged. */
export interface Candidate {
  readonly key: Key;
  readonly value: unknown;
  readonly source: Source;
}

/** What one source has to say. */
export interface Gathered {
  readonly candidates: readonly Candidate[];
  readonly problems: readonly Problem[];
}
