import { status } from "@grpc/grpc-js";
import { CloseReason } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import type { TrustedIssuer } from "./attestations.ts";
import type { AuditEntry } from "./audit.ts";
import { Authorities, CONTROL_PLANE_NAME } from "./authorities.ts";
import type { OpenedBuild, PlacedBuild } from "./build-orders.ts";
import type { BuildOrder } from "./builds.ts";
import type { Change } from "./change.ts";
import type { DebugDesk } from "./debug/desk.ts";
import type { Archive } from "./diagnostics.ts";
import { type DrainOrder, drainOf } from "./drain-order.ts";
import type { Exchange } from "./exchange/exchange.ts";
import { Faults } from "./faults.ts";
import { IN_MEMORY } from "./kept/keeper.ts";
import type { Machine } from "./machine.ts";
import { type ControlPlaneOptions, type Settings, withDefaults } from "./options.ts";
import { type Made, type PlaneParts, planeParts } from "./plane-parts.ts";
import type { ListedBuild, Wishes } from "./project.ts";
import type { Entitlement, ProjectRef } from "./project-ref.ts";
import type { StoredRecord } from "./record-book.ts";
import { Refusal } from "./refusal.ts";
import { Transport } from "./transport.ts";

export type { OpenedBuild };

const CLOSING = new Refusal(status.UNAVAILABLE, "The control plane is closing.");
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
  /** What it takes for the time: this process's clock, and so much more. */
  readonly clock: { offsetMs: number };
  /** Debug terminals: their grants, and what comes of them. */
  readonly debug: DebugDesk;
  /** How CI jobs come to builds; `ExchangeServer` offers it to them. */
  readonly exchange: Exchange;
  readonly #settings: Settings;
  readonly #parts: PlaneParts;
  #transport: Transport | undefined;

  private constructor(made: Made) {
    this.clock = made.clock;
    this.authorities = made.authorities;
    this.#settings = made.settings;
    this.#parts = planeParts(made, this);
    this.debug = this.#parts.debug;
    this.exchange = this.#parts.exchange;
  }

  /** With what `keeper` has kept, if anything; each change is kept before it is told to anybody. */
  static async listen(options: ControlPlaneOptions = {}, keeper = IN_MEMORY): Promise<EmbeddedControlPlane> {
    const settings = withDefaults(options);
    const clock = { offsetMs: settings.clockOffsetMs };
    const now = (): number => Date.now() + clock.offsetMs;
    const authorities = await Authorities.open(keeper, settings, now);
    const spent = await keeper.openSpent(now);
    const plane = new EmbeddedControlPlane({ settings, keeper, authorities, spent, clock, now });
    const { fleet, commits, snapshot, contract } = plane.#parts;
    // The epoch: no machine may hear of one that a restart would not continue.
    if (keeper.recalled === undefined) keeper.keep(snapshot);
    commits.together(() => {
      for (const project of fleet.projects()) project.closePending();
    });
    plane.#transport = await Transport.open(settings, authorities, contract(plane.faults), now);
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

  /** What tokens for it are for. */
  get audience(): string {
    return this.#settings.audience;
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
    return this.#parts.commits.together(() => {
      this.#parts.fleet.admit(entitlement);
      return this.#parts.registry.joinTokens.issue(entitlement, lifetimeMs);
    });
  }

  trustIssuer(issuer: TrustedIssuer): void {
    for (const entitlement of Object.values(issuer.subjects)) this.#parts.fleet.admit(entitlement);
    this.#parts.registry.attestations.trust(issuer);
  }

  machines(): readonly Machine[] {
    return this.#parts.fleet.machines();
  }

  /**
   * From now on, and for good: its stream ends, and every call of it, with a refusal that carries
   * the contract's mark.
   */
  refuseMachine(id: string): void {
    this.#parts.fleet.refuse(this.#parts.fleet.registered(id));
  }

  /**
   * A machine that has gone is not known any more, and whoever is its instance next need not wait.
   * @throws {Error} when there is none, or it is attached and lives.
   */
  forgetMachine(id: string): void {
    this.#parts.leases.forget(id);
  }

  /** What was refused, and which instance changed hands: the newest of it. */
  audit(): readonly AuditEntry[] {
    return this.#parts.audit.entries();
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
  openBuild(order: BuildOrder & { readonly wait?: boolean }, signal?: AbortSignal): Promise<OpenedBuild> {
    return this.#parts.builds.open(order, signal);
  }

  /** As `openBuild`, for the key of a request, which stays where it is: no other is let in. */
  openBuildFor(csrDer: Uint8Array, order: BuildOrder, signal?: AbortSignal): Promise<PlacedBuild> {
    return this.#parts.builds.openFor(csrDer, order, signal);
  }

  endBuild(buildId: string): Change {
    return this.#parts.builds.close(buildId, CloseReason.ENDED);
  }

  revokeBuild(buildId: string): Change {
    return this.#parts.builds.close(buildId, CloseReason.REVOKED);
  }

  /** The grant lasts until then; its certificate is not prolonged. */
  extendBuild(buildId: string, expiresAt: Date): Change {
    return this.#parts.builds.extend(buildId, expiresAt);
  }

  /** Ends builds that nobody ended within this time after their grant did: they only take room. */
  endExpired(afterMs: number): void {
    this.#parts.builds.endExpired(afterMs);
  }

  listBuilds(): readonly ListedBuild[] {
    return this.#parts.builds.list();
  }

  /** All machines of the project, also those that register later. */
  drain(ref: ProjectRef, order: DrainOrder): Change {
    return this.#parts.revisions.amend(ref, (project) => project.drain(drainOf(order)));
  }

  /** These machines of the project alone: one that registers later is not drained. */
  drainMachines(ref: ProjectRef, ids: readonly string[], order: DrainOrder): Change {
    return this.#parts.revisions.amend(ref, (project) => project.drainMachines(ids, drainOf(order)));
  }

  /**
   * Everything else that can be wanted: cache volume, BuildKit's settings, tailnet, debug grants,
   * diagnostics.
   */
  wish(ref: ProjectRef, wishes: Wishes): Change {
    return this.#parts.revisions.amend(ref, (project) => project.wish(wishes));
  }

  /** A new authority signs builds from now on; both are trusted until `withdrawOldBuildCa`. */
  rotateBuildCa(): Promise<void> {
    return this.#parts.revisions.rotateBuildCa();
  }

  withdrawOldBuildCa(ref: ProjectRef): Change {
    return this.#parts.revisions.withdrawOldBuildCa(ref);
  }

  /** As if it had lost its state and counted from the start again. */
  startNewEpoch(ref: ProjectRef): Change {
    return this.#parts.revisions.startNewEpoch(ref);
  }

  // ── what was heard ──

  records(): readonly StoredRecord[] {
    return this.#parts.records.all();
  }

  /** How many records came again that were stored already. */
  get repeatedRecords(): number {
    return this.#parts.records.repeats;
  }

  archives(): readonly Archive[] {
    return this.#parts.diagnostics.archives();
  }

  /**
   * Waits until `probe` gives something, looking again whenever a machine registers, attaches,
   * reports, sends an archive or leaves: `until(() => plane.records()[0])`.
   * @throws {Error} after `deadlineMs` (default 15 s).
   */
  until<T>(
    probe: () => T | undefined | false,
    wait: { what?: string; deadlineMs?: number; signal?: AbortSignal } = {},
  ): Promise<T> {
    const { what = "what was expected of the machines", deadlineMs = this.#settings.applyDeadlineMs, signal } = wait;
    return this.#parts.changes.until(probe, { what: () => what, deadlineMs, signal });
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
}
