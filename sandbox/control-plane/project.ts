import type {
  ClosedBuild,
  CloseReason,
  DesiredState,
  Drain,
  OpenBuild,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import type { TrustBundle } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { ProjectRef } from "./project-ref.ts";

/**
 * What is wanted of a project's machines beside its builds: cache volume, BuildKit's settings,
 * tailnet and so on.
 */
export type Wishes = Partial<
  Pick<DesiredState, "cacheVolume" | "buildkit" | "tailnet" | "debugGrants" | "diagnosticsRequests" | "egress">
>;

/**
 * An open build. One that has expired stays listed until it is ended: the machine cuts it by
 * itself.
 */
export interface ListedBuild extends ProjectRef {
  readonly buildId: string;
  readonly expiresAt: Date;
}

/**
 * How many closed builds are still named with their reason: they explain refusals, and close
 * nothing by themselves.
 */
const CLOSED_BUILDS_KEPT = 64;

/**
 * The desired state of one customer's project: the same for each of its machines but for the
 * architecture.
 */
export class Project {
  readonly ref: ProjectRef;
  readonly #open = new Map<string, OpenBuild & { readonly expiresAt: Date }>();
  readonly #closed = new Map<string, CloseReason>();
  readonly #changed: () => void;
  #wishes: Wishes = {};
  #drain: Drain | undefined;
  #revision = 1n;

  /** `changed` is called after each new revision. */
  constructor(ref: ProjectRef, changed: () => void) {
    this.ref = ref;
    this.#changed = changed;
  }

  get revision(): bigint {
    return this.#revision;
  }

  get wishes(): Wishes {
    return this.#wishes;
  }

  open(build: Omit<OpenBuild, "orgId" | "projectId"> & { readonly expiresAt: Date }): void {
    this.#closed.delete(build.buildId);
    this.#open.set(build.buildId, { ...build, orgId: this.ref.org, projectId: this.ref.project });
    this.touch();
  }

  extend(buildId: string, expiresAt: Date): void {
    const build = this.#open.get(buildId);
    if (build === undefined) throw new Error(`Build ${buildId} is not open.`);
    this.#open.set(buildId, { ...build, expiresAt });
    this.touch();
  }

  close(buildId: string, reason: CloseReason): void {
    if (!this.#open.delete(buildId)) throw new Error(`Build ${buildId} is not open.`);
    this.#closed.set(buildId, reason);
    const [oldest] = this.#closed.keys();
    if (this.#closed.size > CLOSED_BUILDS_KEPT && oldest !== undefined) this.#closed.delete(oldest);
    this.touch();
  }

  drain(order: Drain): void {
    this.#drain = order;
    this.touch();
  }

  wish(wishes: Wishes): void {
    this.#wishes = { ...this.#wishes, ...wishes };
    this.touch();
  }

  /** A new revision, for a change that came from elsewhere: the trust bundle. */
  touch(): void {
    this.#revision += 1n;
    this.#changed();
  }

  /** As a control plane that lost its state would: the count starts again, under another epoch. */
  startOver(): void {
    this.#revision = 1n;
    this.#changed();
  }

  isOpen(buildId: string): boolean {
    return this.#open.has(buildId);
  }

  listed(): readonly ListedBuild[] {
    return [...this.#open.values()].map(({ buildId, expiresAt }) => ({ ...this.ref, buildId, expiresAt }));
  }

  desired(context: { architecture: string; epoch: string; sentAt: Date; trustBundle: TrustBundle }): DesiredState {
    const { architecture, ...rest } = context;
    const closedBuilds: ClosedBuild[] = [...this.#closed].map(([buildId, reason]) => ({ buildId, reason }));
    return {
      ...rest,
      revision: this.#revision,
      assignment: { orgId: this.ref.org, projectId: this.ref.project, architecture },
      openBuilds: [...this.#open.values()],
      closedBuilds,
      cacheVolume: undefined,
      buildkit: undefined,
      tailnet: undefined,
      debugGrants: [],
      diagnosticsRequests: [],
      egress: undefined,
      ...this.#wishes,
      drain: this.#drain,
    };
  }
}
