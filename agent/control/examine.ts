import type { CacheDefaults } from "../core/cache-intent.ts";
import { findings } from "../core/checks.ts";
import type { DesiredState } from "../core/desired-state.ts";
import type { DiskRelief } from "../core/disk-relief.ts";
import { type CheckResult, failing, withSince } from "../core/health.ts";
import type { Boot, Resources } from "../core/machine.ts";
import { nextPhase, type Phase } from "../core/phase.ts";
import type {
  BuildkitView,
  CacheView,
  CertificatesView,
  GatewayView,
  IsolationView,
  NetworkView,
  PlaneView,
  RecordCounts,
  TailnetView,
} from "../core/views.ts";
import { firstOf } from "../lifecycle/branch.ts";
import { type Cell, onChange } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";

/** Ages and expiries change without an event: look at least this often. */
const TICK_MS = 1_000;

export interface ExaminedCells {
  readonly gateway: Cell<GatewayView>;
  readonly cache: Cell<CacheView>;
  readonly network: Cell<NetworkView>;
  readonly isolation: Cell<IsolationView>;
  readonly tailnet: Cell<TailnetView>;
  readonly buildkit: Cell<BuildkitView>;
  readonly plane: Cell<PlaneView>;
  readonly certificates: Cell<CertificatesView>;
  readonly desired: Cell<DesiredState | undefined>;
  readonly resources: Cell<Resources | undefined>;
  readonly relief: Cell<DiskRelief>;
  readonly recordCounts: Cell<RecordCounts>;
}

/** Judges everything that is known of the surroundings, after each change and once a second, and moves the phase by it. */
export async function examine(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  cells: ExaminedCells & { readonly checks: Cell<readonly CheckResult[]>; readonly phase: Cell<Phase> },
  { capabilities }: Boot,
  { requireEncryption }: CacheDefaults,
  outer: AbortSignal,
): Promise<void> {
  const { gateway, cache, network, isolation, tailnet, buildkit, plane, certificates } = cells;
  const { desired, resources, relief, recordCounts } = cells;
  const judge = (): void => {
    const now = clock.now();
    const before = cells.checks.get();
    const after = findings(
      {
        gateway: gateway.get(),
        network: network.get(),
        isolation: isolation.get(),
        tailnet: tailnet.get(),
        buildkit: buildkit.get(),
        plane: plane.get(),
        certificates: certificates.get(),
        desired: desired.get(),
        resources: resources.get(),
        relief: relief.get(),
        records: recordCounts.get(),
        cache: cache.get(),
        requireEncryption,
        capabilities,
      },
      now,
    ).map((finding) =>
      withSince(
        before.find((old) => old.name === finding.name),
        finding,
        now.wallMs,
      ),
    );
    if (unchanged(before, after)) return;
    for (const check of after) tell(log, before, check);
    cells.checks.set(after);
    cells.phase.update((phase) => nextPhase(phase, { is: "checked", failing: failing(after) }));
  };
  const tick = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal);
      judge();
    }
  };
  const known = [
    ...[gateway, cache, network, isolation, tailnet, buildkit, plane, certificates],
    ...[desired, resources, relief, recordCounts],
  ];
  await firstOf(outer, tick, (signal) => onChange(known, judge, signal));
}

function unchanged(before: readonly CheckResult[], after: readonly CheckResult[]): boolean {
  return (
    before.length === after.length &&
    before.every((old, index) => old.ok === after[index]?.ok && old.message === after[index].message)
  );
}

/** Turns, and what is amiss from the start. What blocks at the start is only not there yet. */
function tell(log: Log, before: readonly CheckResult[], check: CheckResult): void {
  const old = before.find((other) => other.name === check.name);
  if (old === undefined ? check.ok || check.blocking : old.ok === check.ok) return;
  const data = { check: check.name, blocking: check.blocking, message: check.message };
  if (check.ok) log.info(data, "check.passed");
  else if (check.blocking || old === undefined) log.warn(data, "check.failed");
  else log.info(data, "check.failed");
}
