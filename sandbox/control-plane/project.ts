import {
  type ClosedBuild,
  CloseReason,
  DesiredState,
  type Drain,
  type OpenBuild,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import type { TrustBundle } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import { durationOf } from "./duration.ts";
import type { Commits } from "./kept/commits.ts";
import type { KeptProject } from "./kept/snapshot.ts";
import type { ProjectRef } from "./project-ref.ts";

/**
 * What is wanted of a project's machines beside its builds: cache volume, BuildKit's settings,
 * tailnet and so on.
 */
export type Wishes = Partial<
  Pick<
    DesiredState,
    "cacheVolume" | "buildkit" | "tailnet" | "debugGrants" | "diagnosticsRequests" | "egress" | "traceExport"
  >
>;

const NO_WISHES = {
  cacheVolume: undefined,
  buildkit: undefined,
  tailnet: undefined,
  debugGrants: [],
  diagnosticsRequests: [],
  egress: undefined,
  traceExport: undefined,
} satisfies Wishes;

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

type Grant = OpenBuild & { readonly expiresAt: Date };

/** What is wanted under one revision. */
interface Wanted {
  readonly revision: bigint;
  readonly open: ReadonlyMap<string, Grant>;
  /** Of these, the ids of those whose certificate nobody has yet. Machines do not hear of it. */
  readonly pending: ReadonlySet<string>;
  readonly closed: ReadonlyMap<string, CloseReason>;
  readonly wishes: Wishes;
  /** Of all machines, also of those that register later. */
  readonly drain: Drain | undefined;
  /** By the machine's id. */
  readonly drains: ReadonlyMap<string, Drain>;
}

const NOTHING: Wanted = {
  revision: 1n,
  open: new Map(),
  pending: new Set(),
  closed: new Map(),
  wishes: {},
  drain: undefined,
  drains: new Map(),
};

/**
 * The desired state of one customer's project: the same for each of its machines but for the
 * architecture and the drains of single machines.
 */
export class Project {
  /** DER; empty: debug grants need no signature. */
  debugGrantKey: Uint8Array = new Uint8Array();
  readonly ref: ProjectRef;
  readonly #commits: Commits;
  readonly #changed: () => void;
  #wanted: Wanted;

  /** `changed` is called after each new revision, once it is kept. */
  constructor(
    ref: ProjectRef,
    context: { readonly commits: Commits; readonly changed: () => void },
    recalled?: KeptProject,
  ) {
    this.ref = ref;
    this.#commits = context.commits;
    this.#changed = context.changed;
    this.#wanted = recalled === undefined ? NOTHING : wantedOf(recalled);
  }

  get revision(): bigint {
    return this.#wanted.revision;
  }

  get wishes(): Wishes {
    return this.#wanted.wishes;
  }

  open(build: Omit<OpenBuild, "orgId" | "projectId"> & { readonly expiresAt: Date }): void {
    const { open, pending, closed } = this.#wanted;
    const { buildId } = build;
    const grant = { ...build, orgId: this.ref.org, projectId: this.ref.project };
    this.#amend({
      open: new Map(open).set(buildId, grant),
      pending: new Set([...pending, buildId]),
      closed: without(closed, buildId),
    });
  }

  /** The build's certificate is about to be given away. */
  handOut(buildId: string): void {
    const pending = new Set([...this.#wanted.pending].filter((id) => id !== buildId));
    this.#become({ ...this.#wanted, pending }, () => undefined);
  }

  /** Closes builds whose certificate nobody can get any more: who opened them was killed. */
  closePending(): void {
    for (const buildId of this.#wanted.pending) this.close(buildId, CloseReason.REVOKED);
  }

  extend(buildId: string, expiresAt: Date): void {
    const build = this.#wanted.open.get(buildId);
    if (build === undefined) throw new Error(`Build ${buildId} is not open.`);
    this.#amend({ open: new Map(this.#wanted.open).set(buildId, { ...build, expiresAt }) });
  }

  close(buildId: string, reason: CloseReason): void {
    if (!this.isOpen(buildId)) throw new Error(`Build ${buildId} is not open.`);
    const closed = [...this.#wanted.closed, [buildId, reason] as const].slice(-CLOSED_BUILDS_KEPT);
    const pending = new Set([...this.#wanted.pending].filter((id) => id !== buildId));
    this.#amend({ open: without(this.#wanted.open, buildId), pending, closed: new Map(closed) });
  }

  /** Ends builds that expired before that, if there are any: nobody has. */
  endExpired(beforeMs: number): void {
    const expired = [...this.#wanted.open.values()].filter(({ expiresAt }) => expiresAt.getTime() < beforeMs);
    this.#commits.together(() => {
      for (const { buildId } of expired) this.close(buildId, CloseReason.ENDED);
    });
  }

  drain(order: Drain): void {
    this.#amend({ drain: order });
  }

  /** These machines and no others. */
  drainMachines(ids: readonly string[], order: Drain): void {
    this.#amend({ drains: new Map([...this.#wanted.drains, ...ids.map((id) => [id, order] as const)]) });
  }

  /** A machine that is no more; the others hear nothing new. */
  forget(machineId: string): void {
    const { drains } = this.#wanted;
    if (drains.has(machineId)) this.#become({ ...this.#wanted, drains: without(drains, machineId) }, () => undefined);
  }

  wish(wishes: Wishes): void {
    this.#amend({ wishes: { ...this.#wanted.wishes, ...wishes } });
  }

  /** A new revision, for a change that came from elsewhere: the trust bundle. */
  touch(): void {
    this.#amend({});
  }

  /** As a control plane that lost its state would: the count starts again, under another epoch. */
  startOver(): void {
    this.#become({ ...this.#wanted, revision: 1n });
  }

  isOpen(buildId: string): boolean {
    return this.#wanted.open.has(buildId);
  }

  listed(): readonly ListedBuild[] {
    return [...this.#wanted.open.values()].map(({ buildId, expiresAt }) => ({ ...this.ref, buildId, expiresAt }));
  }

  /** Without a machine's id: as for one that no drain was ordered for by itself. */
  desired(context: {
    machineId?: string;
    architecture: string;
    epoch: string;
    sentAt: Date;
    heartbeatMs?: number;
    trustBundle: TrustBundle;
  }): DesiredState {
    const { machineId, architecture, heartbeatMs, ...rest } = context;
    const { revision, open, wishes, drain, drains } = this.#wanted;
    return {
      ...rest,
      ...NO_WISHES,
      ...wishes,
      heartbeat: heartbeatMs === undefined ? undefined : durationOf(heartbeatMs),
      revision,
      assignment: {
        ...{ orgId: this.ref.org, projectId: this.ref.project, architecture },
        debugGrantKey: this.debugGrantKey,
      },
      openBuilds: [...open.values()],
      closedBuilds: this.#closedBuilds(),
      drain: (machineId === undefined ? undefined : drains.get(machineId)) ?? drain,
    };
  }

  kept(): KeptProject {
    const { revision, open, pending, wishes, drain, drains } = this.#wanted;
    return {
      ...this.ref,
      revision,
      open: [...open.values()],
      pending: [...pending],
      closed: this.#closedBuilds(),
      wishes: { ...DesiredState.fromPartial({}), ...wishes },
      drain,
      drains: [...drains].map(([machineId, order]) => ({ machineId, drain: order })),
    };
  }

  #closedBuilds(): ClosedBuild[] {
    return [...this.#wanted.closed].map(([buildId, reason]) => ({ buildId, reason }));
  }

  #amend(changes: Partial<Wanted>): void {
    this.#become({ ...this.#wanted, ...changes, revision: this.#wanted.revision + 1n });
  }

  #become(wanted: Wanted, after = this.#changed): void {
    const before = this.#wanted;
    this.#commits.make({
      apply: () => (this.#wanted = wanted),
      undo: () => (this.#wanted = before),
      after,
    });
  }
}

function wantedOf({ revision, open, pending, closed, wishes, drain, drains }: KeptProject): Wanted {
  const { cacheVolume, buildkit, tailnet, debugGrants, diagnosticsRequests, egress, traceExport } = wishes;
  return {
    revision,
    open: new Map(open.map((build) => [build.buildId, grantOf(build)])),
    pending: new Set(pending),
    closed: new Map(closed.map(({ buildId, reason }) => [buildId, reason])),
    wishes: { cacheVolume, buildkit, tailnet, debugGrants, diagnosticsRequests, egress, traceExport },
    drain,
    drains: new Map(drains.map(({ machineId, drain: order }) => [machineId, order])),
  };
}

function grantOf(build: OpenBuild): Grant {
  const { expiresAt } = build;
  if (expiresAt === undefined) throw new Error(`Build ${build.buildId} was kept without its end.`);
  return { ...build, expiresAt };
}

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  return new Map([...map].filter(([other]) => other !== key));
}
