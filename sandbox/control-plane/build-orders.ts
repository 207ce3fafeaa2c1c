import { CloseReason } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import type { Authorities } from "./authorities.ts";
import { type BuildOrder, orderBuild, type Ticket, ticketFor } from "./builds.ts";
import type { Change } from "./change.ts";
import type { Fleet } from "./fleet.ts";
import type { Machine } from "./machine.ts";
import type { ListedBuild, Project } from "./project.ts";
import type { Revisions } from "./revisions.ts";

export interface OpenedBuild extends Ticket {
  /**
   * What the builder's certificate says and the client must ask for; empty while no machine of the
   * project has registered.
   */
  readonly serverName: string;
  readonly change: Change;
}

/** Opens, prolongs and ends builds, of whichever project. */
export class BuildOrders {
  readonly #fleet: Fleet;
  readonly #revisions: Revisions;
  readonly #authorities: Authorities;
  readonly #now: () => number;

  constructor(parts: {
    readonly fleet: Fleet;
    readonly revisions: Revisions;
    readonly authorities: Authorities;
    readonly now: () => number;
  }) {
    this.#fleet = parts.fleet;
    this.#revisions = parts.revisions;
    this.#authorities = parts.authorities;
    this.#now = parts.now;
  }

  /** See `EmbeddedControlPlane.openBuild`. */
  async open(order: BuildOrder & { readonly wait?: boolean }, signal?: AbortSignal): Promise<OpenedBuild> {
    const project = this.#fleet.project(order);
    const ordered = await orderBuild(order, project, this.#now());
    const { buildId } = ordered;
    const change = this.#revisions.changeOf(project);
    try {
      const machine =
        (order.wait ?? true)
          ? await this.#revisions.accepted(buildId, project, change.revision, signal)
          : this.#anyOf(project);
      const ticket = await ticketFor(ordered, order, this.#authorities);
      project.handOut(buildId);
      return { ...ticket, serverName: machine?.serverName ?? "", change };
    } catch (failure) {
      if (project.isOpen(buildId)) project.close(buildId, CloseReason.REVOKED);
      throw failure;
    }
  }

  close(buildId: string, reason: CloseReason): Change {
    return this.#onBuild(buildId, (project) => project.close(buildId, reason));
  }

  extend(buildId: string, expiresAt: Date): Change {
    return this.#onBuild(buildId, (project) => project.extend(buildId, expiresAt));
  }

  /** Ends builds that nobody ended within this time after their grant did. */
  endExpired(afterMs: number): void {
    for (const project of this.#fleet.projects()) project.endExpired(this.#now() - afterMs);
  }

  list(): readonly ListedBuild[] {
    return this.#fleet.projects().flatMap((project) => project.listed());
  }

  /** @throws {Error} when no such build is open. */
  #onBuild(buildId: string, act: (project: Project) => void): Change {
    const build = this.list().find((listed) => listed.buildId === buildId);
    if (build === undefined) throw new Error(`Build ${buildId} is not open.`);
    return this.#revisions.amend(build, act);
  }

  #anyOf(project: Project): Machine | undefined {
    const machines = this.#fleet.of(project);
    return machines.find(({ link }) => link !== undefined) ?? machines[0];
  }
}
