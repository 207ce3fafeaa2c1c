import { CloseReason } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { KeyPair, sha256Hex } from "../pki/key-pair.ts";
import { readSigningRequest } from "../pki/signing-request.ts";
import type { Authorities } from "./authorities.ts";
import {
  type BuildKey,
  type BuildOrder,
  type CertifiedBuild,
  certifyBuild,
  orderBuild,
  type Ticket,
} from "./builds.ts";
import type { Change } from "./change.ts";
import type { Fleet } from "./fleet.ts";
import type { Machine } from "./machine.ts";
import type { ListedBuild, Project } from "./project.ts";
import type { Revisions } from "./revisions.ts";

interface Placed {
  /**
   * What the builder's certificate says and the client must ask for; empty while no machine of the
   * project has registered.
   */
  readonly serverName: string;
  readonly change: Change;
}

export type PlacedBuild = CertifiedBuild & Placed;
export type OpenedBuild = Ticket & Placed;

type Order = BuildOrder & { readonly wait?: boolean };

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
  async open(order: Order, signal?: AbortSignal): Promise<OpenedBuild> {
    const key = await KeyPair.generate();
    return { ...(await this.#openFor(key, order, signal)), keyPem: key.privateKeyPem };
  }

  /** See `EmbeddedControlPlane.openBuildFor`. */
  async openFor(csrDer: Uint8Array, order: BuildOrder, signal?: AbortSignal): Promise<PlacedBuild> {
    const { spkiDer } = await readSigningRequest(csrDer);
    return this.#openFor({ spkiDer, spkiSha256: sha256Hex(spkiDer) }, { ...order, pinKey: true }, signal);
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

  async #openFor(key: BuildKey, order: Order, signal: AbortSignal | undefined): Promise<PlacedBuild> {
    const project = this.#fleet.project(order);
    const ordered = orderBuild(order, key, project, this.#now());
    const { buildId } = ordered;
    const change = this.#revisions.changeOf(project);
    try {
      const machine =
        (order.wait ?? true)
          ? await this.#revisions.accepted(buildId, project, change.revision, signal)
          : this.#anyOf(project);
      const certified = await certifyBuild(ordered, order, this.#authorities);
      project.handOut(buildId);
      return { ...certified, serverName: machine?.serverName ?? "", change };
    } catch (failure) {
      if (project.isOpen(buildId)) project.close(buildId, CloseReason.REVOKED);
      throw failure;
    }
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
