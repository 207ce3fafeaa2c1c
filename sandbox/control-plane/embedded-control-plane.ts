import { randomUUID } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { CloseReason, type Drain } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { MemoryNonces } from "../../verifier/src/index.ts";
import { type AcceptanceContext, untilAccepted } from "./acceptance.ts";
import { Attestations, type TrustedIssuer } from "./attestations.ts";
import { Authorities, CONTROL_PLANE_NAME } from "./authorities.ts";
import { type BuildOrder, orderBuild, type Ticket, ticketFor } from "./builds.ts";
import { type Change, changeOf } from "./change.ts";
import { Changes } from "./changes.ts";
import { type GrantOrder, GrantSigner, grantOf } from "./debug/grants.ts";
import { Recordings } from "./debug/recordings.ts";
import type { TerminalLine } from "./debug/terminal-line.ts";
import { Terminals } from "./debug/terminals.ts";
import { type Archive, Diagnostics } from "./diagnostics.ts";
import { Faults } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { JoinTokens } from "./join-tokens.ts";
import { Commits } from "./kept/commits.ts";
import { IN_MEMORY, type Keeper } from "./kept/keeper.ts";
import type { Snapshot } from "./kept/snapshot.ts";
import type { Machine } from "./machine.ts";
import { type ControlPlaneOptions, type Settings, withDefaults } from "./options.ts";
import type { ListedBuild, Project, Wishes } from "./project.ts";
import type { Entitlement, ProjectRef } from "./project-ref.ts";
import { RecordBook, type StoredRecord } from "./record-book.ts";
import { Refusal } from "./refusal.ts";
import { Registry } from "./registry.ts";
import { service } from "./service.ts";
import { Transport } from "./transport.ts";

export interface OpenedBuild extends Ticket {
  /**
   * What the builder's certificate says and the client must ask for; empty while no machine of the
   * project has registered.
   */
  readonly serverName: string;
  readonly change: Change;
}

interface DrainOrder {
  readonly reason: string;
  readonly graceMs: number;
}

const CLOSING = new Refusal(status.UNAVAILABLE, "The control plane is closing.");
/** One audience for all customers: a challenge is anybody's. */
const EVERYBODY = { connection: "sandbox" };
const TOKEN_LIFETIME_MS = 60 * 60_000;

/**
 * A control plane in this process: the whole contract on one port, with authorities of its own. All
 * is in memory, unless a keeper keeps it. It is not a mock: nonces, evidence, requests and
 * certificates are verified as a production one must. Dispose it after its agents: it proves that
 * no connection is left.
 */
export class EmbeddedControlPlane implements AsyncDisposable {
  /** To issue certificates beside the usual ones: `authorities.builds.issue(…)`. */
  readonly authorities: Authorities;
  /** What it does wrong on purpose. */
  readonly faults = new Faults();
  /** Of terminals. */
  readonly recordings: Recordings;
  readonly #settings: Settings;
  readonly #now: () => number;
  readonly #commits: Commits;
  readonly #fleet: Fleet;
  readonly #records: RecordBook;
  readonly #changes = new Changes();
  readonly #registry: Registry;
  readonly #diagnostics: Diagnostics;
  readonly #terminals: Terminals;
  readonly #signers = new Map<Project, GrantSigner>();
  #transport: Transport | undefined;
  #epoch: string;

  private constructor(settings: Settings, keeper: Keeper, authorities: Authorities, now: () => number) {
    const { recalled } = keeper;
    this.#settings = settings;
    this.#commits = new Commits(() => keeper.keep(() => this.#snapshot()));
    this.#fleet = new Fleet(this.#commits, recalled);
    this.#records = new RecordBook(keeper.records);
    this.#epoch = recalled?.epoch ?? randomUUID();
    this.#now = now;
    this.authorities = authorities;
    this.#diagnostics = new Diagnostics(now);
    this.#terminals = new Terminals(now, () => this.#changes.notify());
    this.recordings = new Recordings(
      (machine, grantId) => this.#terminals.of(grantId, machine.id).machineId === machine.id,
      () => this.#changes.notify(),
    );
    const nonces = new MemoryNonces({ now, lifetimeMs: settings.nonceLifetimeMs });
    const { audience, attestation: options } = settings;
    this.#registry = new Registry({
      nonces,
      holder: EVERYBODY,
      joinTokens: new JoinTokens(this.#commits, now, recalled?.joinTokens),
      attestations: new Attestations({ audience, nonces, holder: EVERYBODY, now, options }),
      authorities,
      fleet: this.#fleet,
      commits: this.#commits,
      audience,
    });
  }

  /** With what `keeper` has kept, if anything; each change is kept before it is told to anybody. */
  static async listen(options: ControlPlaneOptions = {}, keeper = IN_MEMORY): Promise<EmbeddedControlPlane> {
    const settings = withDefaults(options);
    const now = (): number => Date.now() + settings.clockOffsetMs;
    const plane = new EmbeddedControlPlane(settings, keeper, await Authorities.open(keeper, settings, now), now);
    // The epoch: no machine may hear of one that a restart would not continue.
    if (keeper.recalled === undefined) keeper.keep(() => plane.#snapshot());
    plane.#commits.together(() => {
      for (const project of plane.#fleet.projects()) project.closePending();
    });
    plane.#transport = await Transport.open(settings, plane.authorities, plane.#service());
    return plane;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endStreams(CLOSING);
    await this.transport.close();
  }

  /** Before its end, where agents outlive it: tells them to hang up, and cuts who has not. */
  async hangUp(graceMs: number): Promise<void> {
    this.endStreams(CLOSING);
    await this.transport.hangUp(graceMs);
  }

  // ── where it is ──

  /** "host:port", as the agent's `controlPlane.endpoint`. */
  get endpoint(): string {
    return `${this.#settings.host}:${this.transport.port}`;
  }

  /** What the agent pins: `controlPlane.caFile`. */
  get caPem(): string {
    return this.authorities.controlPlane.certPem;
  }

  /** A DNS name in its certificate; 127.0.0.1, ::1 and localhost are there too. */
  get serverName(): string {
    return CONTROL_PLANE_NAME;
  }

  get trustDomain(): string {
    return this.#settings.trustDomain;
  }

  /** The port, and what can go wrong with it. */
  get transport(): Transport {
    if (this.#transport === undefined) throw new Error("The control plane does not listen yet.");
    return this.#transport;
  }

  // ── who may join ──

  /** Good for one registration, for an hour. */
  issueJoinToken(entitlement: Entitlement, lifetimeMs = TOKEN_LIFETIME_MS): string {
    return this.#commits.together(() => {
      this.#fleet.admit(entitlement);
      return this.#registry.joinTokens.issue(entitlement, lifetimeMs);
    });
  }

  trustIssuer(issuer: TrustedIssuer): void {
    for (const entitlement of Object.values(issuer.subjects)) this.#fleet.admit(entitlement);
    this.#registry.attestations.trust(issuer);
  }

  machines(): readonly Machine[] {
    return this.#fleet.machines();
  }

  /**
   * From now on, and for good: its stream ends, and every call of it, with a refusal that carries
   * the contract's mark.
   */
  refuseMachine(id: string): void {
    this.#fleet.refuse(this.#fleet.registered(id));
  }

  // ── what is wanted ──

  /**
   * Opens a build, waits until a machine has accepted it, and only then issues its certificate: it
   * works at once. `wait: false` hands the certificate out without asking, as no control plane
   * should.
   * @throws {BuildRefused} when every machine refuses it, at once.
   * @throws {Error} for a project without machines, a bad or taken id, or when nothing applied it
   * in time.
   *   After either the build is closed again.
   */
  async openBuild(order: BuildOrder & { readonly wait?: boolean }, signal?: AbortSignal): Promise<OpenedBuild> {
    const project = this.#fleet.project(order);
    const ordered = await orderBuild(order, project, this.#now());
    const change = this.#change(project);
    try {
      const machine =
        (order.wait ?? true)
          ? await untilAccepted(ordered.buildId, this.#acceptance(project, change.revision), signal)
          : this.#anyOf(project);
      const ticket = await ticketFor(ordered, order, this.authorities);
      project.handOut(ordered.buildId);
      return { ...ticket, serverName: machine?.serverName ?? "", change };
    } catch (failure) {
      if (project.isOpen(ordered.buildId)) project.close(ordered.buildId, CloseReason.REVOKED);
      throw failure;
    }
  }

  endBuild(buildId: string): Change {
    return this.#onBuild(buildId, (project) => project.close(buildId, CloseReason.ENDED));
  }

  revokeBuild(buildId: string): Change {
    return this.#onBuild(buildId, (project) => project.close(buildId, CloseReason.REVOKED));
  }

  /** The grant lasts until then; its certificate is not prolonged. */
  extendBuild(buildId: string, expiresAt: Date): Change {
    return this.#onBuild(buildId, (project) => project.extend(buildId, expiresAt));
  }

  /** Ends builds that nobody ended within this time after their grant did: they only take room. */
  endExpired(afterMs: number): void {
    for (const project of this.#fleet.projects()) project.endExpired(this.#now() - afterMs);
  }

  listBuilds(): readonly ListedBuild[] {
    return this.#fleet.projects().flatMap((project) => project.listed());
  }

  /** All machines of the project, also those that register later. */
  drain(ref: ProjectRef, order: DrainOrder): Change {
    return this.#amend(ref, (project) => project.drain(drainOf(order)));
  }

  /** These machines of the project alone: one that registers later is not drained. */
  drainMachines(ref: ProjectRef, ids: readonly string[], order: DrainOrder): Change {
    return this.#amend(ref, (project) => project.drainMachines(ids, drainOf(order)));
  }

  /**
   * Everything else that can be wanted: cache volume, BuildKit's settings, tailnet, debug grants,
   * diagnostics.
   */
  wish(ref: ProjectRef, wishes: Wishes): Change {
    return this.#amend(ref, (project) => project.wish(wishes));
  }

  /** From now on this project's machines take only debug grants that it signs. */
  signDebugGrants(ref: ProjectRef, signer: GrantSigner): void {
    const project = this.#fleet.project(ref);
    project.debugGrantKey = signer.publicKey;
    this.#signers.set(project, signer);
    project.touch();
  }

  /** Grants one person one terminal on a machine of the project, signed where it signs. */
  grantDebug(ref: ProjectRef, order: GrantOrder): TerminalLine {
    const project = this.#fleet.project(ref);
    const unsigned = grantOf(order, this.#now());
    const grant = this.#signers.get(project)?.sign(unsigned) ?? unsigned;
    const line = this.#terminals.of(grant.grantId, order.machineId);
    const kept = (project.wishes.debugGrants ?? []).filter(({ endsAt }) => (endsAt?.getTime() ?? 0) > this.#now());
    this.wish(ref, { debugGrants: [...kept, grant] });
    return line;
  }

  /** The terminal of a grant, also of one that this control plane did not make. */
  terminalOf(grantId: string, machineId: string): TerminalLine {
    return this.#terminals.of(grantId, machineId);
  }

  /** As one that lost its state: the next terminal of this grant would be its first. */
  forgetTerminal(grantId: string): void {
    this.#terminals.forget(grantId);
  }

  withdrawDebug(ref: ProjectRef, grantId: string): Change {
    const kept = (this.#fleet.project(ref).wishes.debugGrants ?? []).filter((grant) => grant.grantId !== grantId);
    return this.wish(ref, { debugGrants: kept });
  }

  /** A new authority signs builds from now on; both are trusted until `withdrawOldBuildCa`. */
  async rotateBuildCa(): Promise<void> {
    const fresh = await this.authorities.prepareBuilds();
    this.#changeTrust(() => this.authorities.rotateBuilds(fresh, this.#commits));
  }

  withdrawOldBuildCa(ref: ProjectRef): Change {
    // Once for all projects: whoever asks for the next one finds it done.
    if (this.authorities.isRotating) this.#changeTrust(() => this.authorities.withdrawRetired(this.#commits));
    return this.#change(this.#fleet.project(ref));
  }

  /** As if it had lost its state and counted from the start again. */
  startNewEpoch(ref: ProjectRef): Change {
    const [before, epoch] = [this.#epoch, randomUUID()];
    return this.#commits.together(() => {
      this.#commits.make({ apply: () => (this.#epoch = epoch), undo: () => (this.#epoch = before) });
      return this.#amend(ref, (project) => project.startOver());
    });
  }

  // ── what was heard ──

  records(): readonly StoredRecord[] {
    return this.#records.all();
  }

  /** How many records came again that were stored already. */
  get repeatedRecords(): number {
    return this.#records.repeats;
  }

  archives(): readonly Archive[] {
    return this.#diagnostics.archives();
  }

  terminals(): readonly TerminalLine[] {
    return this.#terminals.all();
  }

  /**
   * Waits until `probe` gives something, looking again whenever a machine registers, attaches,
   * reports or leaves: `until(() => plane.records()[0])`.
   * @throws {Error} after `deadlineMs` (default 15 s).
   */
  until<T>(
    probe: () => T | undefined | false,
    wait: { what?: string; deadlineMs?: number; signal?: AbortSignal } = {},
  ): Promise<T> {
    const { what = "what was expected of the machines", deadlineMs = this.#settings.applyDeadlineMs, signal } = wait;
    return this.#changes.until(probe, { what: () => what, deadlineMs, signal });
  }

  // ── what may go wrong ──

  /** Ends every Attach with this status. */
  endStreams(because: Refusal): void {
    for (const machine of this.machines()) machine.link?.end(because);
  }

  /** Sends these bytes to every attached machine as one message. */
  sendRaw(message: Uint8Array): void {
    for (const machine of this.machines()) machine.link?.sendRaw(message);
  }

  /** The trust bundle is part of every project's desired state: each gets a new revision. */
  #changeTrust(change: () => void): void {
    this.#commits.together(() => {
      change();
      for (const project of this.#fleet.projects()) project.touch();
    });
  }

  #snapshot(): Snapshot {
    const joinTokens = [...this.#registry.joinTokens.kept()];
    return { epoch: this.#epoch, ...this.authorities.kept(), ...this.#fleet.kept(), joinTokens };
  }

  #amend(ref: ProjectRef, amend: (project: Project) => void): Change {
    const project = this.#fleet.project(ref);
    amend(project);
    return this.#change(project);
  }

  /** @throws {Error} when no such build is open. */
  #onBuild(buildId: string, act: (project: Project) => void): Change {
    const build = this.listBuilds().find((listed) => listed.buildId === buildId);
    if (build === undefined) throw new Error(`Build ${buildId} is not open.`);
    return this.#amend(build, act);
  }

  #change(project: Project): Change {
    return changeOf(project, {
      epoch: this.#epoch,
      deadlineMs: this.#settings.applyDeadlineMs,
      changes: this.#changes,
      machines: () => this.#fleet.of(project),
    });
  }

  #acceptance(project: Project, revision: bigint): AcceptanceContext {
    return {
      project: project.ref,
      epoch: this.#epoch,
      revision,
      deadlineMs: this.#settings.applyDeadlineMs,
      changes: this.#changes,
      machines: () => this.#fleet.of(project),
    };
  }

  #anyOf(project: Project): Machine | undefined {
    const machines = this.#fleet.of(project);
    return machines.find(({ link }) => link !== undefined) ?? machines[0];
  }

  #service(): ReturnType<typeof service> {
    return service({
      registry: this.#registry,
      fleet: this.#fleet,
      records: this.#records,
      diagnostics: this.#diagnostics,
      terminals: this.#terminals,
      recordings: this.recordings,
      faults: this.faults,
      trustDomain: this.#settings.trustDomain,
      heartbeatMs: this.#settings.heartbeatMs,
      onCall: this.#settings.onCall,
      learned: () => this.#changes.notify(),
      desired: ({ id, project, architecture }) =>
        project.desired({
          machineId: id,
          architecture,
          epoch: this.#epoch,
          sentAt: new Date(this.#now()),
          trustBundle: this.authorities.trustBundle(),
        }),
    });
  }
}

function drainOf({ reason, graceMs }: DrainOrder): Drain {
  return { reason, grace: { seconds: BigInt(Math.trunc(graceMs / 1_000)), nanos: (graceMs % 1_000) * 1_000_000 } };
}
