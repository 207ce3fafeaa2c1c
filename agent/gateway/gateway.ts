import { untilBeatMs } from "../core/beat.ts";
import type { SessionOpening } from "../core/session.ts";
import { Scope } from "../lifecycle/scope.ts";
import { Calls } from "./calls/calls.ts";
import { Door } from "./door.ts";
import { Handover } from "./handover.ts";
import { followOrders } from "./orders.ts";
import type { GatewayParts } from "./parts.ts";
import { Policy } from "./policy.ts";
import { Reception } from "./reception.ts";
import { Records } from "./records.ts";
import { Refusals } from "./refusals.ts";
import { Serving } from "./serving.ts";
import { Sessions } from "./sessions.ts";
import { Stats } from "./stats.ts";

/**
 * How often sessions are asked whether their time is up: one look at all of them instead of a timer
 * each, so that a stepped clock, a paused VM or a date beyond setTimeout's 24.8 days needs no care
 * of its own. A cut may take 250 ms (DESIGN); this spends at most 100 of them.
 */
const EXPIRY_EVERY_MS = 100;
const STATS_EVERY_MS = 2_000;

/**
 * The data plane: lets open builds in over mutual TLS and hands their bytes to BuildKit, as
 * `control` orders. Returns when `parts.signal` is aborted and everything is closed, or when
 * another has taken its place and everything that was open has ended by itself.
 * @throws {AgentError} "gateway.cannot-listen"
 */
export async function runGateway(parts: GatewayParts): Promise<void> {
  const { link, clock, log, peers } = parts;
  using handover = new Handover(parts.succeeds, parts.clock, parts.signal);
  const { signal } = handover;
  await using scope = new Scope();
  scope.defer(() => link.close());

  const runId = crypto.randomUUID();
  const serving = await Serving.begin(parts.keys, parts.certificates);
  const policy = new Policy(peers, log);
  const records = new Records();
  const calls = new Calls({ policy, clock, log });
  const guardOf = parts.calls === "judged" ? (opening: SessionOpening) => calls.guardOf(opening) : () => undefined;
  if (parts.calls === "any") log.warn({}, "gateway.calls-are-not-judged");
  const sessions = new Sessions({ ...parts, guardOf }, runId, {
    opened: (opening) => link.tell({ is: "opened", opening }),
    closed: (summary) => {
      records.add(summary);
      link.tell({ is: "closed", summary });
    },
  });
  const refusals = new Refusals(clock, log);
  const reception = new Reception({ ...parts, policy, refusals, sessions, startedMonoMs: handover.startedMonoMs });
  const door = new Door(parts.listen, (raw) => reception.arrive(raw));

  const { gauges, droppedLogLines } = parts;
  const counted = { link, door, reception, refusals, records, sessions, calls, droppedLogLines };
  const stats = new Stats({ ...counted, gauges, clock });
  const governed = { runId, link, clock, log, policy, serving, reception, sessions, records, stats, handover };
  const ticking = { clock, gauges, signal };
  const opening = openDoor(door, stats, { ...parts, runId, handover });
  if (!parts.succeeds) await opening;
  await Promise.all([
    opening,
    followOrders(governed, signal),
    expireSessions(sessions, ticking),
    tellStats(stats, ticking),
    handover.finish({ ...parts, door, stats, sessions, reception, records }),
  ]);

  door.close();
  reception.close();
  const cut = sessions.cutAll("gateway-lost", "the gateway was told to stop");
  await sessions.over();
  log.info({ cut }, "gateway.stopped");
}

type Opening = Pick<GatewayParts, "log" | "unit"> & { readonly runId: string; readonly handover: Handover };

/**
 * At once; one that takes another's place opens when it can serve, and nobody is refused between.
 */
async function openDoor(door: Door, stats: Stats, { runId, handover, log, unit }: Opening): Promise<void> {
  if (!(await handover.untilMayOpen())) return;
  await door.open();
  door.onError((err) => log.error({ err }, "gateway.accept-failed"));
  log.info({ runId, address: door.address }, "gateway.listening");
  unit.ready();
  unit.tell(`Listening on ${door.address ?? "an inherited socket"}`);
  stats.tell();
}

type Ticking = Pick<GatewayParts, "clock" | "gauges" | "signal">;

/** While none is open it sleeps, and nobody is hurt by a late timer. */
async function expireSessions(sessions: Sessions, { clock, gauges, signal }: Ticking): Promise<void> {
  while (!signal.aborted) {
    if (sessions.openCount.get() === 0) {
      gauges.sampleDelay(false);
      await sessions.openCount.first((count) => count > 0, signal);
      gauges.sampleDelay(true);
    }
    sessions.expire(clock.now().wallMs);
    await clock.sleep(EXPIRY_EVERY_MS, signal);
  }
}

async function tellStats(stats: Stats, { clock, signal }: Ticking): Promise<void> {
  while (!signal.aborted) {
    stats.tellNews();
    await clock.sleep(untilBeatMs(clock.now(), STATS_EVERY_MS), signal);
  }
}
