import { AgentError } from "../../core/errors.ts";
import { type ProgramEnd, runProgram } from "./run-program.ts";
import { propertiesOf, propertiesOfEach } from "./told-properties.ts";

/**
 * A start may take as long as the slowest unit's TimeoutStartSec=, five minutes (a damaged database
 * is looked at first), a stop as long as the units that stand on one another; the manager keeps
 * those times. This is for a manager that does not answer.
 */
const VERB_DEADLINE_MS = 400_000;
/** On an emulated machine at its boot it has taken more than ten. */
const SHOW_DEADLINE_MS = 30_000;

export type Verb = "start" | "stop" | "kill";

/**
 * One verb, carried out by the manager; also if its asker ends meanwhile.
 * @throws {AgentError} "service.failed", "service.denied", "service.not-found", "service.no-answer"
 * (retryable).
 */
export async function systemctl(
  verb: Verb,
  unit: string,
  signal: AbortSignal,
  options: readonly string[] = [],
): Promise<void> {
  const args = [verb, "--no-ask-password", "--no-pager", ...options, "--", unit];
  const end = await runProgram("systemctl", args, { deadlineMs: VERB_DEADLINE_MS, signal });
  if (end.code !== 0) throw refused(verb, unit, end);
}

/**
 * Properties of a unit, those that `absent` names; the value there stands for one that the manager
 * does not tell.
 * @throws {AgentError} "service.no-answer" (retryable).
 */
export async function showUnit<T extends Readonly<Record<string, string>>>(
  unit: string,
  absent: T,
  signal: AbortSignal,
): Promise<T> {
  const args = ["show", "--no-pager", `--property=${Object.keys(absent).join(",")}`, "--", unit];
  const end = await runProgram("systemctl", args, { deadlineMs: SHOW_DEADLINE_MS, signal });
  if (end.code !== 0) throw refused("show", unit, end);
  return { ...absent, ...propertiesOf(end.stdout) };
}

/** The same of several units at once, in their order. */
export async function showUnits(
  units: readonly string[],
  properties: readonly string[],
  signal: AbortSignal,
): Promise<readonly Readonly<Record<string, string>>[]> {
  const args = ["show", "--no-pager", `--property=${properties.join(",")}`, "--", ...units];
  const end = await runProgram("systemctl", args, { deadlineMs: SHOW_DEADLINE_MS, signal });
  if (end.code !== 0) throw refused("show", units.join(" "), end);
  return propertiesOfEach(end.stdout);
}

/** Its words in a C locale, systemd 252 to 257; what none of them says is a unit that failed. */
const MEANINGS: readonly (readonly [RegExp, string, string])[] = [
  [
    /access denied|interactive authentication required|not authorized|permission denied/i,
    "service.denied",
    "is not allowed to this process: is the polkit rule installed?",
  ],
  [/unit \S+ (not found|not loaded)|does not exist|is masked/i, "service.not-found", "cannot be: it is not installed"],
  [
    /failed to connect to bus|connection (timed out|refused)|transport endpoint|no such file or directory|bus/i,
    "service.no-answer",
    "was not heard: the service manager does not answer",
  ],
];

function refused(verb: Verb | "show", unit: string, { code, stderr, cause }: ProgramEnd): AgentError {
  const said = stderr.trim().split("\n")[0] ?? "";
  const named = `systemctl ${verb} ${unit}`;
  if (code === undefined)
    return new AgentError("service.no-answer", `${named} did not end by itself`, { retryable: true, cause });
  const [, meaning, words] = MEANINGS.find(([phrase]) => phrase.test(said)) ?? [];
  if (meaning === undefined || words === undefined)
    return new AgentError("service.failed", `${named} failed: ${said || `exit code ${code}`}`, { retryable: true });
  return new AgentError(meaning, `${named} ${words} (${said})`, { retryable: meaning === "service.no-answer" });
}
