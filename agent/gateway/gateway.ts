import { Scope } from "../lifecycle/scope.ts";
import { Door } from "./door.ts";
import { followOrders } from "./orders.ts";
import type { GatewayParts } from "./parts.ts";
import { Policy } from "./policy.ts";
import { Reception } from "./reception.ts";
import { Records } from "./records.ts";
import { Refusals } from "./refusals.ts";
import { Serving } from "./serving.ts";
import { Sessions } from "./sessions.ts";
import { gatewayStats } from "./stats.ts";

/** How often sessions are asked whether their time is up: one look at all of them instead of a timer each, so that a stepped clock, a paused VM or a date
 * beyond setTimeout's 24.8 days needs no care of its own. A cut may take 250 ms (DESIGN); this spends at most 100 of them. */
const EXPIRY_EVERY_MS = 100;
const STATS_EVERY_MS = 2_000;

/**
 * The data plane: lets open builds in over mutual TLS and hands their bytes to BuildKit, as `control` orders. Returns when
 * `parts.signal` is aborted and everything is closed.
 * @throws {AgentError} "gateway.cannot-listen"
 */
export async function runGateway(parts: GatewayParts): Promise<void> {
  const { link, clock, log, peers, limits, signal } = parts;
  await using scope = new Scope();
  scope.defer(() => link.close());

  const runId = crypto.randomUUID();
  const serving = await Serving.begin(parts.keys, parts.certificates);
  const policy = new Policy(peers, log);
  const records = new Records();
  const sessions = new Sessions(parts, runId, {
    opened: (opening) => link.tell({ is: "opened", opening }),
    closed: (summary) => {
      records.add(summary);
      link.tell({ is: "closed", summary });
    },
  });
  const refusals = new Refusals(clock, log);
  const reception = new Reception({ limits, policy, peers, clock, refusals, sessions });
  const door = await Door.open(parts.listen, (raw) => reception.arrive(raw));
  door.onError((err) => log.error({ err }, "gateway.accept-failed"));
  log.info({ runId, address: door.address }, "gateway.listening");
  parts.unit.ready();
  parts.unit.tell(`Listening on ${door.address ?? "an inherited socket"}`);

  const tellStats = (): void =>
    link.tell({
      is: "stats",
      stats: gatewayStats({ link, gauges: parts.gauges, door, reception, refusals, records, sessions }),
    });
  const governed = { runId, link, clock, log, policy, serving, reception, sessions, records, tellStats };
  await Promise.all([
    followOrders(governed, signal),
    every(EXPIRY_EVERY_MS, () => sessions.expire(clock.now().wallMs), parts),
    every(STATS_EVERY_MS, tellStats, parts),
  ]);

  door.close();
  const cut = sessions.cutAll("gateway-lost", "the gateway was told to stop");
  await sessions.over();
  log.info({ cut }, "gateway.stopped");
}

async function every(
  periodMs: number,
  act: () => void,
  { clock, signal }: Pick<GatewayParts, "clock" | "signal">,
): Promise<void> {
  while (!signal.aborted) {
    act();
    await clock.sleep(periodMs, signal);
  }
}
