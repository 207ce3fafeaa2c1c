import {
  type BuildRefusal,
  BuildRefusalCode,
  Phase,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { Changes } from "./changes.ts";
import type { Machine } from "./machine.ts";
import { type ProjectRef, projectName } from "./project-ref.ts";

/** Every machine that could have taken a build refused it. `message` says who, and why. */
export class BuildRefused extends Error {
  readonly refusals: readonly BuildRefusal[];

  constructor(buildId: string, refusals: ReadonlyMap<Machine, BuildRefusal>) {
    super(`Build ${buildId} was refused. ${inWords(refusals)}`);
    this.name = "BuildRefused";
    this.refusals = [...refusals.values()];
  }
}

export interface AcceptanceContext {
  readonly project: ProjectRef;
  readonly epoch: string;
  /** The one that first named the build. */
  readonly revision: bigint;
  readonly deadlineMs: number;
  readonly changes: Changes;
  /** Of that project. */
  machines(): readonly Machine[];
}

/**
 * Waits until a machine takes the build: every attached machine of the project has applied the
 * revision, and one of them does not refuse the build. Gives that one; its certificate may be
 * handed out now.
 * @throws {BuildRefused} as soon as all of them refuse it and waiting would not help;
 *   {Error} at the deadline, with what the machines last said; the signal's reason.
 */
export async function untilAccepted(
  buildId: string,
  context: AcceptanceContext,
  signal: AbortSignal | undefined,
): Promise<Machine> {
  const { epoch, revision, deadlineMs, changes } = context;
  const attached = (): readonly Machine[] => context.machines().filter(({ link }) => link !== undefined);
  const decided = (): Machine | BuildRefused | undefined => {
    const machines = attached();
    if (machines.length === 0 || !machines.every((machine) => machine.hasApplied(epoch, revision))) return undefined;
    const taker = machines.find((machine) => machine.refusalOf(buildId) === undefined);
    if (taker !== undefined) return taker;
    return machines.some((machine) => mayTurn(machine, buildId))
      ? undefined
      : new BuildRefused(buildId, refusalsOf(machines, buildId));
  };
  const what = (): string => {
    const said = context.machines().map((machine) => machine.lastWords());
    const refused = inWords(refusalsOf(attached(), buildId));
    const states = said.join("; ") || "no machine has registered";
    return `${projectName(context.project)} to accept build ${buildId}: ${states}${refused && `. ${refused}`}`;
  };
  const verdict = await changes.until(decided, { what, deadlineMs, signal });
  if (verdict instanceof BuildRefused) throw verdict;
  return verdict;
}

/**
 * Only a machine that starts is waited for: of one that was ready nobody knows when it is again.
 */
function mayTurn(machine: Machine, buildId: string): boolean {
  const code = machine.refusalOf(buildId)?.code;
  const isFinal =
    code === BuildRefusalCode.DRAINING || code === BuildRefusalCode.STOPPING || code === BuildRefusalCode.EXPIRED;
  return !isFinal && machine.observed?.phase === Phase.STARTING;
}

function refusalsOf(machines: readonly Machine[], buildId: string): ReadonlyMap<Machine, BuildRefusal> {
  return new Map(
    machines.flatMap((machine) => {
      const refusal = machine.refusalOf(buildId);
      return refusal === undefined ? [] : [[machine, refusal] as const];
    }),
  );
}

function inWords(refusals: ReadonlyMap<Machine, BuildRefusal>): string {
  return [...refusals].map(([{ id }, { message }]) => `Machine ${id}: ${message}.`).join(" ");
}
