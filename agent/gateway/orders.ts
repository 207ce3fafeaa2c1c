import type { Clock } from "../ports/clock.ts";
import type { ControlLink, ControlOrder } from "../ports/control-link.ts";
import type { Log } from "../ports/log.ts";
import type { Handover } from "./handover.ts";
import type { Policy } from "./policy.ts";
import type { Reception } from "./reception.ts";
import type { Records } from "./records.ts";
import type { Serving } from "./serving.ts";
import type { Sessions } from "./sessions.ts";
import type { Stats } from "./stats.ts";

export interface Governed {
  readonly runId: string;
  readonly link: ControlLink;
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: Policy;
  readonly serving: Serving;
  readonly reception: Reception;
  readonly sessions: Sessions;
  readonly records: Records;
  readonly stats: Stats;
  readonly handover: Handover;
}

/**
 * Does what control asks, in its order, until `signal`. An order that cannot be carried out is
 * logged; what was in force stays. No order waits for anything: the next one may be a revocation.
 */
export async function followOrders(governed: Governed, signal: AbortSignal): Promise<void> {
  for await (const order of governed.link.orders(signal)) {
    try {
      obey(governed, order);
    } catch (failure) {
      notObeyed(governed, order, failure);
    }
  }
}

function obey(governed: Governed, order: ControlOrder): void {
  const { link, log, policy, serving, sessions, records, clock } = governed;
  switch (order.is) {
    case "connected":
      log.info({}, "control.connected");
      link.tell(hello(governed));
      governed.stats.tell();
      return;
    case "lost":
      log.warn({ openSessions: sessions.openings.length }, "control.lost");
      return;
    case "allow": {
      const { allowSet } = order;
      const before = policy.cas;
      policy.take(allowSet);
      sessions.review((grounds) => policy.standing(grounds, clock.now().wallMs));
      if (policy.cas !== before) serve(governed);
      log.info(
        { revision: String(allowSet.revision), builds: allowSet.grants.size, admission: allowSet.admission },
        "policy.applied",
      );
      link.tell({ is: "applied", revision: allowSet.revision, epoch: allowSet.epoch });
      return;
    }
    case "confirm":
      policy.confirm(order.at);
      return;
    case "certify": {
      const { notAfterMs } = serving.certify(order.keySpkiSha256, order.chainPem);
      serve(governed);
      log.info({ notAfter: new Date(notAfterMs).toISOString() }, "serving.certified");
      link.tell({ is: "certified", notAfterMs });
      return;
    }
    case "rotate-key":
      serving.rotate(
        (request) => link.tell({ is: "request", request }),
        (failure) => notObeyed(governed, order, failure),
      );
      return;
    case "cut-all":
      // Clients that are cut dial again at once.
      policy.shut("all sessions were cut");
      link.tell({ is: "cut", sessions: sessions.cutAll("drain-deadline", "control asked") });
      return;
    case "acknowledge":
      records.acknowledge(order.sessionIds);
      return;
    case "retire":
      governed.handover.retire();
      return;
    default:
      order satisfies never;
  }
}

function notObeyed({ log }: Governed, order: ControlOrder, failure: unknown): void {
  log.error({ err: failure, order: order.is }, "order.failed");
}

/**
 * New handshakes see the new certificate and CAs. Needs both: without a CA Node would ask for its
 * own list of roots.
 */
function serve(governed: Governed): void {
  const { policy, reception } = governed;
  const { certificate } = governed.serving;
  if (certificate === undefined || policy.cas.length === 0) return;
  const wasServing = reception.serving;
  const clientsWaiting = reception.waiting;
  reception.use(certificate, policy.cas);
  if (!wasServing) {
    const afterMs = Math.round(governed.clock.now().monoMs - governed.handover.startedMonoMs);
    governed.log.info({ runId: governed.runId, afterMs, clientsWaiting }, "gateway.can-serve");
    governed.stats.tell();
  }
  governed.handover.canServe();
}

function hello({ runId, serving, sessions, records, policy, handover }: Governed) {
  const { request, certificate } = serving;
  return {
    is: "hello" as const,
    runId,
    request,
    ...(certificate === undefined ? {} : { servingNotAfterMs: certificate.notAfterMs }),
    ...(policy.applied && { applied: policy.applied }),
    open: sessions.openings,
    closed: records.all,
    startedMonoMs: handover.startedMonoMs,
    ...(handover.isRetired && { retired: true as const }),
  };
}
