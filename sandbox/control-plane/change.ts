import type { Changes } from "./changes.ts";
import type { Machine } from "./machine.ts";
import type { Project } from "./project.ts";
import { projectName } from "./project-ref.ts";

/** A new revision of a project's desired state. */
export interface Change {
  readonly revision: bigint;
  /**
   * Resolves when every attached machine of the project, at least one, reports the revision as
   * applied: its whole effect is in force.
   * @throws {Error} at the deadline, with what the machines last said; the signal's reason when it
   * is aborted.
   */
  applied(signal?: AbortSignal): Promise<void>;
}

export function changeOf(
  project: Project,
  context: { epoch: string; deadlineMs: number; changes: Changes; machines: () => readonly Machine[] },
): Change {
  const { revision } = project;
  const { epoch, deadlineMs, changes, machines } = context;
  const inForce = (): boolean => {
    const attached = machines().filter((machine) => machine.link !== undefined);
    return attached.length > 0 && attached.every((machine) => machine.hasApplied(epoch, revision));
  };
  const what = (): string => `${projectName(project.ref)} to apply revision ${revision}: ${describe(machines())}`;
  return { revision, applied: async (signal) => void (await changes.until(inForce, { what, deadlineMs, signal })) };
}

function describe(machines: readonly Machine[]): string {
  if (machines.length === 0) return "no machine has registered";
  return machines.map((machine) => machine.lastWords()).join("; ");
}
