import { EXIT, SandboxFailure } from "../failure.ts";

/** One thing that is wrong with a policy. */
export interface PolicyProblem {
  /** From the outside in: ["awsWebIdentity", 0, "roles"]. Empty: the file as a whole. */
  readonly path: readonly PropertyKey[];
  /** What is wanted there, or what is wrong. */
  readonly what: string;
}

/** A policy that is not taken: with all that is wrong, and where. */
export class PolicyInvalid extends SandboxFailure {
  constructor(file: string, text: string, problems: readonly PolicyProblem[]) {
    const lines = problems.map(({ path, what }) => `  ${whereOf(file, text, path)}${what}`);
    const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
    super(EXIT.badData, `The attestation policy has ${count}:\n${lines.join("\n")}`);
    this.name = "PolicyInvalid";
  }
}

function whereOf(file: string, text: string, path: readonly PropertyKey[]): string {
  const line = lineOf(text, path);
  const place = line === undefined ? file : `${file} line ${line}`;
  return path.length === 0 ? `${place}: ` : `${place}: ${spelled(path)}: `;
}

/** awsWebIdentity[0].roles[1] */
function spelled(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) => (typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${String(step)}`))
    .join("");
}

const HEADER = /^\s*\[\[?\s*([A-Za-z0-9_-]+)((?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*\]\]?\s*(?:#.*)?$/;
const ASSIGNMENT = /^\s*"?([A-Za-z0-9_-]+)"?\s*[.=]/;

/**
 * The line of a value in a TOML text, from 1: of its key, or of the entry that it is missing in.
 * Reads the plain way of writing only, and says nothing where a text over several lines could
 * mislead it.
 */
function lineOf(text: string, [kind, entry, ...keys]: readonly PropertyKey[]): number | undefined {
  if (kind === undefined || text.includes('"""') || text.includes("'''")) return undefined;
  let found: number | undefined;
  let index = -1;
  let here = false;
  for (const [at, line] of text.split("\n").entries()) {
    const header = HEADER.exec(line);
    if (header !== null) {
      const isKind = header[1] === kind;
      if (isKind && header[2] === "") index += 1;
      here = isKind && index === (entry ?? 0);
      if (here && found === undefined) found = at + 1;
      if (here && keys[0] !== undefined && (header[2] ?? "").replaceAll(/[\s.]/g, "") === keys[0]) return at + 1;
    } else if (here && ASSIGNMENT.exec(line)?.[1] === keys[0] && keys[0] !== undefined) return at + 1;
  }
  return found;
}
