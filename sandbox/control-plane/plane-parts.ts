import { MemoryNonces, type SpentTokens } from "../../verifier/src/index.ts";
import { Attestations } from "./attestations.ts";
import { Audit } from "./audit.ts";
import type { Authorities } from "./authorities.ts";
import { BuildOrders } from "./build-orders.ts";
import { Changes } from "./changes.ts";
import { DebugDesk } from "./debug/desk.ts";
import { Diagnostics } from "./diagnostics.ts";
import type { EmbeddedControlPlane } from "./embedded-control-plane.ts";
import { buildsFor } from "./exchange/builds-for.ts";
import { Exchange } from "./exchange/exchange.ts";
import type { Faults } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { JoinTokens } from "./join-tokens.ts";
import { Commits } from "./kept/commits.ts";
import type { Keeper } from "./kept/keeper.ts";
import type { Snapshot } from "./kept/snapshot.ts";
import { Leases } from "./leases.ts";
import type { Settings } from "./options.ts";
import { RecordBook } from "./record-book.ts";
import { Registry } from "./registry.ts";
import { Revisions } from "./revisions.ts";
import { service } from "./service.ts";

/** One audience for all customers: a challenge is anybody's. */
const EVERYBODY = { connection: "sandbox" };

/** What is there before a control plane is put together. */
export interface Made {
  readonly settings: Settings;
  readonly keeper: Keeper;
  readonly authorities: Authorities;
  readonly spent: SpentTokens;
  readonly clock: { offsetMs: number };
  /** Milliseconds since 1970, by its clock. */
  readonly now: () => number;
}

export interface PlaneParts {
  readonly commits: Commits;
  readonly fleet: Fleet;
  readonly records: RecordBook;
  readonly changes: Changes;
  readonly revisions: Revisions;
  readonly builds: BuildOrders;
  readonly audit: Audit;
  readonly leases: Leases;
  readonly registry: Registry;
  readonly diagnostics: Diagnostics;
  readonly debug: DebugDesk;
  readonly exchange: Exchange;
  /** All that outlives the process. */
  readonly snapshot: () => Snapshot;
  /** The contract's calls, to be served. */
  readonly contract: (faults: Faults) => ReturnType<typeof service>;
}

/** Puts a control plane together; `plane` is what people ask of it. */
export function planeParts(
  { settings, keeper, authorities, spent, now }: Made,
  plane: Parameters<typeof buildsFor>[0] & Pick<EmbeddedControlPlane, "wish">,
): PlaneParts {
  const { recalled } = keeper;
  const { applyDeadlineMs, heartbeatMs, audience } = settings;
  const changes = new Changes();
  const commits = new Commits(() => keeper.keep(snapshot));
  const fleet = new Fleet(commits, recalled);
  const records = new RecordBook(keeper.records);
  const changing = { fleet, commits, changes, authorities, applyDeadlineMs, heartbeatMs, now };
  const revisions = new Revisions(changing, recalled?.epoch);
  const builds = new BuildOrders({ fleet, revisions, authorities, now });
  const diagnostics = new Diagnostics(now, () => changes.notify());
  const debug = new DebugDesk({
    now,
    changed: () => changes.notify(),
    projectOf: (ref) => fleet.project(ref),
    admit: (ref) => fleet.admit(ref),
    wish: (ref, wishes) => plane.wish(ref, wishes),
  });
  const audit = new Audit(now, settings.onAudit);
  const leases = new Leases({ fleet, commits, audit, now, leaseMs: settings.leaseMs });
  const keysOf = (instance: string): readonly string[] => leases.keysOf(instance);
  const jobs = { commits, now, builds: buildsFor(plane, fleet), fetch: settings.fetch };
  const exchange = new Exchange(jobs, recalled?.exchange);
  const nonces = new MemoryNonces({ now, lifetimeMs: settings.nonceLifetimeMs });
  const judging = { audience, nonces, holder: EVERYBODY, now, options: settings.attestation, spent, keysOf };
  const registry = new Registry({
    nonces,
    holder: EVERYBODY,
    joinTokens: new JoinTokens(commits, now, recalled?.joinTokens),
    attestations: new Attestations(judging),
    ...{ authorities, fleet, leases, audit, commits, audience },
  });

  function snapshot(): Snapshot {
    return {
      epoch: revisions.epoch,
      ...authorities.kept(),
      ...fleet.kept(),
      joinTokens: [...registry.joinTokens.kept()],
      exchange: exchange.kept(),
    };
  }

  const contract = (faults: Faults): ReturnType<typeof service> =>
    service({
      ...{ registry, fleet, leases, records, diagnostics, faults, heartbeatMs },
      terminals: debug.terminals,
      recordings: debug.recordings,
      trustDomain: settings.trustDomain,
      onCall: settings.onCall,
      learned: () => changes.notify(),
      desired: (machine) => revisions.desired(machine),
    });

  const desks = { registry, diagnostics, debug, exchange };
  return { commits, fleet, records, changes, revisions, builds, audit, leases, ...desks, snapshot, contract };
}
