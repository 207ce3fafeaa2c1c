import { randomUUID } from "node:crypto";
import type { DesiredState } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { type AcceptanceContext, untilAccepted } from "./acceptance.ts";
import type { Authorities } from "./authorities.ts";
import { type Change, changeOf } from "./change.ts";
import type { Changes } from "./changes.ts";
import type { Fleet } from "./fleet.ts";
import type { Commits } from "./kept/commits.ts";
import type { Machine } from "./machine.ts";
import type { Project } from "./project.ts";
import type { ProjectRef } from "./project-ref.ts";

interface RevisionParts {
  readonly fleet: Fleet;
  readonly commits: Commits;
  readonly changes: Changes;
  readonly authorities: Authorities;
  readonly applyDeadlineMs: number;
  readonly heartbeatMs: number;
  readonly now: () => number;
}

/** Each change of what is wanted, as a revision that machines apply; all under one epoch. */
export class Revisions {
  readonly #parts: RevisionParts;
  #epoch: string;

  constructor(parts: RevisionParts, epoch: string = randomUUID()) {
    this.#parts = parts;
    this.#epoch = epoch;
  }

  get epoch(): string {
    return this.#epoch;
  }

  desired({ id, project, architecture }: Machine): DesiredState {
    const { authorities, heartbeatMs, now } = this.#parts;
    return project.desired({
      machineId: id,
      architecture,
      epoch: this.#epoch,
      sentAt: new Date(now()),
      heartbeatMs,
      trustBundle: authorities.trustBundle(),
    });
  }

  amend(ref: ProjectRef, amend: (project: Project) => void): Change {
    const project = this.#parts.fleet.project(ref);
    amend(project);
    return this.changeOf(project);
  }

  /** The revision that is the project's newest now. */
  changeOf(project: Project): Change {
    return changeOf(project, this.#context(project));
  }

  /** Waits until a machine takes the build: see `untilAccepted`. */
  accepted(buildId: string, project: Project, revision: bigint, signal?: AbortSignal): Promise<Machine> {
    const context: AcceptanceContext = { ...this.#context(project), project: project.ref, revision };
    return untilAccepted(buildId, context, signal);
  }

  /** A new authority signs builds from now on; both are trusted until `withdrawOldBuildCa`. */
  async rotateBuildCa(): Promise<void> {
    const { authorities, commits } = this.#parts;
    const fresh = await authorities.prepareBuilds();
    this.#changeTrust(() => authorities.rotateBuilds(fresh, commits));
  }

  withdrawOldBuildCa(ref: ProjectRef): Change {
    const { authorities, commits, fleet } = this.#parts;
    // Once for all projects: whoever asks for the next one finds it done.
    if (authorities.isRotating) this.#changeTrust(() => authorities.withdrawRetired(commits));
    return this.changeOf(fleet.project(ref));
  }

  /** As if the control plane had lost its state and counted from the start again. */
  startNewEpoch(ref: ProjectRef): Change {
    const { commits } = this.#parts;
    const [before, epoch] = [this.#epoch, randomUUID()];
    return commits.together(() => {
      commits.make({ apply: () => (this.#epoch = epoch), undo: () => (this.#epoch = before) });
      return this.amend(ref, (project) => project.startOver());
    });
  }

  /** The trust bundle is part of every project's desired state: each gets a new revision. */
  #changeTrust(change: () => void): void {
    const { commits, fleet } = this.#parts;
    commits.together(() => {
      change();
      for (const project of fleet.projects()) project.touch();
    });
  }

  #context(project: Project): {
    epoch: string;
    deadlineMs: number;
    changes: Changes;
    machines: () => readonly Machine[];
  } {
    const { applyDeadlineMs: deadlineMs, changes, fleet } = this.#parts;
    return { epoch: this.#epoch, deadlineMs, changes, machines: () => fleet.of(project) };
  }
}
