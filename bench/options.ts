import { parseArgs } from "node:util";
import { BenchFailed, EX_USAGE } from "./failure.ts";
import { type Effort, FULL, QUICK } from "./measures/effort.ts";
import { GROUPS, type Group } from "./measures/figures.ts";
import { SUBJECT_NAMES, type SubjectName } from "./subjects/subject.ts";

export interface BenchOptions {
  readonly effort: Effort;
  readonly quick: boolean;
  readonly groups: ReadonlySet<Group>;
  readonly subjects: ReadonlySet<SubjectName>;
  readonly jsonFile: string | undefined;
  readonly writeReadme: boolean;
  /** Absent: in memory, if there is room. */
  readonly workDirParent: string | undefined;
  readonly profileDir: string | undefined;
  /** For the Node that runs our gateway. */
  readonly nodeFlags: readonly string[];
}

const USAGE = `usage: npm run bench -- fleet [options], or
       npm run bench -- start [options], or
       npm run bench -- flood [options], or
       npm run bench -- gateway [options]
  --quick               fewer rounds, less data: about a minute, not for the record
  --rounds N            how many rounds count (default ${FULL.rounds}, with --quick ${QUICK.rounds}); fewer if time runs out
  --only A,B            of ${GROUPS.join(", ")}
  --subjects A,B        of ${SUBJECT_NAMES.join(", ")}
  --json FILE           writes machine, summary and raw figures
  --write-readme        puts the table into bench/README.md
  --work-dir DIR        where BuildKit and the context lie (default: in memory if there is room)
  --profile DIR         writes processor profiles of our gateway
  --node-flags="A B"    runs our gateway's Node with these flags instead of the launcher's`;

const MOST_ROUNDS = 100;

/** As the launcher runs the gateway. */
export const LAUNCHER_NODE_FLAGS: readonly string[] = ["--max-semi-space-size=1"];

/** @throws {BenchFailed} With exit code 64, naming what is wrong. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parsed(args);
  if (positionals.length !== 1 || positionals[0] !== "gateway")
    throw usage("There is no such bench: fleet, flood, gateway and start are there.");
  const quick = values.quick ?? false;
  const writeReadme = values["write-readme"] ?? false;
  const effort = quick ? QUICK : FULL;
  if (quick && writeReadme) throw usage("Figures of a quick run are not for the record: leave out --quick.");
  return {
    effort: values.rounds === undefined ? effort : { ...effort, rounds: roundsOf(values.rounds) },
    quick,
    groups: chosen("--only", values.only, GROUPS),
    subjects: chosen("--subjects", values.subjects, SUBJECT_NAMES),
    jsonFile: values.json,
    writeReadme,
    workDirParent: values["work-dir"],
    profileDir: values.profile,
    nodeFlags: values["node-flags"]?.split(" ").filter((flag) => flag !== "") ?? LAUNCHER_NODE_FLAGS,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean" },
        rounds: { type: "string" },
        only: { type: "string" },
        subjects: { type: "string" },
        json: { type: "string" },
        "write-readme": { type: "boolean" },
        "work-dir": { type: "string" },
        profile: { type: "string" },
        "node-flags": { type: "string" },
      },
    });
  } catch (failure) {
    throw usage(failure instanceof Error ? failure.message : String(failure));
  }
}

function roundsOf(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MOST_ROUNDS)
    throw usage(`--rounds takes a whole number from 1 to ${MOST_ROUNDS}, not ${JSON.stringify(text)}.`);
  return rounds;
}

function chosen<T extends string>(flag: string, text: string | undefined, known: readonly T[]): ReadonlySet<T> {
  if (text === undefined) return new Set(known);
  const names = text.split(",");
  const unknown = names.filter((name) => !known.some((one) => one === name));
  if (unknown.length > 0) throw usage(`${flag} knows ${known.join(", ")}, not ${unknown.join(", ")}.`);
  return new Set(known.filter((one) => names.includes(one)));
}

function usage(message: string): BenchFailed {
  return new BenchFailed(`${message}\n${USAGE}`, { exitCode: EX_USAGE });
}
