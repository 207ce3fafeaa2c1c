import { fullJitterMs } from "../core/backoff.ts";
import type { DesiredState } from "../core/desired-state.ts";
import { AgentError } from "../core/errors.ts";
import type { AppliedNetwork, NetworkOrder } from "../core/network/order.ts";
import { networkOrder, sameOrder } from "../core/network/wanted.ts";
import type { GatewayView, IsolationView, NetworkView, TailnetView } from "../core/views.ts";
import { Branch, firstOf, within } from "../lifecycle/branch.ts";
import { type Cell, onChange } from "../lifecycle/cell.ts";
import type { BuildNetwork } from "../ports/build-network.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";

/** Each takes a second; on a machine that is emulated, and still starting, more than half a minute. */
const APPLY_MS = 60_000;
const VERIFY_MS = 100_000;
/** The machine's own network changes, and others flush rules: what is in force is put right again at this pace. */
const REAPPLY_MS = 60_000;
const AGAIN = { baseMs: 500, capMs: 30_000 } as const;

export interface NetworkPorts {
  /** Absent where builds have no network. */
  readonly buildNetwork: BuildNetwork | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface NetworkCells {
  readonly desired: Cell<DesiredState | undefined>;
  readonly tailnet: Cell<TailnetView>;
  readonly gateway: Cell<GatewayView>;
  readonly network: Cell<NetworkView>;
  readonly isolation: Cell<IsolationView>;
}

/**
 * Keeps the builds' network and its guard as they are wanted, and has it tried from inside after each change: BuildKit waits for the first, builds for
 * both. What cannot be applied leaves in force what was.
 */
export async function guardNetwork(ports: NetworkPorts, cells: NetworkCells, outer: AbortSignal): Promise<void> {
  const { buildNetwork } = ports;
  if (buildNetwork === undefined) {
    cells.network.set({ at: "none" });
    return;
  }
  let applied: { readonly order: NetworkOrder; readonly network: AppliedNetwork } | undefined;
  let proved = false;
  for (let failures = 0; !outer.aborted; ) {
    const pauseMs = applied === undefined ? Number.POSITIVE_INFINITY : proved ? REAPPLY_MS : 0;
    const due = await within(ports.clock, pauseMs, outer, (signal) => nextOrder(cells, applied, signal));
    const order = due ?? wanted(cells);
    if (order === undefined || outer.aborted) return;
    try {
      const network = await within(ports.clock, APPLY_MS, outer, (signal) => buildNetwork.apply(order, signal));
      failures = 0;
      const isNew = due !== undefined || JSON.stringify(network) !== JSON.stringify(applied?.network);
      applied = { order, network };
      const isShown = !isNew && cells.network.get().at === "applied";
      if (!isShown) {
        ports.log.info({ ...network, egress: order.egress }, "network.applied");
        cells.network.set({ at: "applied", network });
      }
      if (isShown && proved) continue;
      proved = false;
      await firstOf(
        outer,
        async (signal) => {
          proved = await verify(buildNetwork, ports, cells, signal);
        },
        (signal) => nextOrder(cells, applied, signal),
      );
    } catch (err) {
      if (outer.aborted) return;
      ports.log.error({ err }, "network.not-applied");
      cells.network.set({ at: "failed", because: words(err) });
      const pauseMs = retryable(err) ? fullJitterMs(AGAIN, failures, ports.clock.random()) : AGAIN.capMs;
      failures += 1;
      await within(ports.clock, pauseMs, outer, (pause) =>
        turned(cells, () => !sameOrder(wanted(cells) ?? order, order, false), pause),
      );
    }
  }
}

/** Again and again where it could not be tried or something is amiss, until it is as it must be, or it is time to put it right once more. */
async function verify(
  buildNetwork: BuildNetwork,
  { clock, log }: NetworkPorts,
  { isolation }: NetworkCells,
  signal: AbortSignal,
): Promise<boolean> {
  const untilMonoMs = clock.now().monoMs + REAPPLY_MS;
  for (let failures = 0; !signal.aborted && clock.now().monoMs < untilMonoMs; failures += 1) {
    try {
      const report = await within(clock, VERIFY_MS, signal, (limit) => buildNetwork.verify(limit));
      const amiss = report.findings.filter(({ ok }) => !ok);
      isolation.set({ at: "verified", report });
      if (amiss.length === 0) {
        log.info({ tookMs: report.tookMs, tried: report.findings.length }, "isolation.verified");
        return true;
      }
      log.error({ amiss }, "isolation.broken");
    } catch (err) {
      if (signal.aborted) return false;
      log.error({ err }, "isolation.not-verified");
      isolation.set({ at: "failed", because: words(err) });
    }
    await clock.sleep(fullJitterMs(AGAIN, failures, clock.random()), signal);
  }
  return false;
}

/** Waits until another order is due than the one in force. */
async function nextOrder(
  cells: NetworkCells,
  applied: { readonly order: NetworkOrder; readonly network: AppliedNetwork } | undefined,
  signal: AbortSignal,
): Promise<NetworkOrder | undefined> {
  let next: NetworkOrder | undefined;
  await turned(
    cells,
    () => {
      next = wanted(cells);
      if (next === undefined) return false;
      return applied === undefined || !sameOrder(next, applied.order, applied.network.collisions.length > 0);
    },
    signal,
  );
  return signal.aborted ? undefined : next;
}

/** Undefined until both are known: to close a tailnet that builds may be using needs a reason. */
function wanted({ desired, tailnet, gateway }: NetworkCells): NetworkOrder | undefined {
  const state = desired.get();
  const view = tailnet.get();
  if (state === undefined || view.at === "unknown") return undefined;
  return networkOrder(state, view, { idle: gateway.get().open.size === 0 });
}

async function turned(
  { desired, tailnet, gateway }: NetworkCells,
  holds: () => boolean,
  outer: AbortSignal,
): Promise<void> {
  using branch = new Branch(outer);
  await onChange(
    [desired, tailnet, gateway],
    () => {
      if (holds()) branch.abort();
    },
    branch.signal,
  );
}

function retryable(err: unknown): boolean {
  return !(err instanceof AgentError) || err.retryable;
}

function words(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
