import type { EventName } from "./events/index.ts";
import { LeakyBucket } from "./leaky-bucket.ts";

/** Of one event, as many lines at once; and as many in a second after that. */
const LINES = { holds: 200, leaksPerMs: 1 / 1_000 };

/** What another end brings about by each of its messages, whatever it says in them. */
const AT_OTHERS_PACE: ReadonlySet<string> = new Set<EventName>([
  "control-plane.attached",
  "control-plane.detached",
  "control-plane.newer-contract",
  "desired-state.accepted",
  "desired-state.refused",
  "policy.applied",
  "policy.ca-unreadable",
  "check.failed",
  "check.passed",
  "check.unknown",
  "gateway.lost",
  "gateway.replaced",
  "gateway.finished",
  "gateway.outdated",
  "records.of-others",
  "certificates.renewed",
  "certificates.renewal-failed",
  "control.lost",
  "control.connected",
  "debug-terminal.waiting",
  "debug-terminal.refused",
  "debug-terminal.ended",
  "debug-terminal.other-person",
  "diagnostics.begun",
  "diagnostics.answered",
  "diagnostics.failed",
  "diagnostics.given-up",
  "bundle.made",
  "network.applied",
  "network.not-applied",
  "network.in-force",
  "mirrors.not-found",
  "mirrors.too-many-addresses",
  "tailnet.joined",
  "tailnet.not-joined",
  "tailnet.leaving",
  "tailnet.left",
  "tailnet.lost",
  "traces.sending",
  "traces.order-refused",
  "traces.not-accepted",
  "traces.partly-rejected",
  "buildkit.settings-adapted",
  "buildkit.started",
  "buildkit.stopped",
  "cache.not-open",
  "volume.not-opened",
  "link.dropped",
  "link.accept-failed",
  "launcher.not-accepted",
  "operators.not-accepted",
  "order.failed",
  "launcher.verb-failed",
  "operator.not-answered",
]);

interface Account {
  readonly lines: LeakyBucket;
  readonly untold: number;
}

/**
 * What another end brings about a thousand times a second must not fill a disk, whatever its words.
 * Of each such event there are so many lines; what is beyond is counted, and told with the next.
 */
export class LineBudget {
  readonly #accounts = new Map<string, Account>();

  /**
   * How many lines of this event were left out before this one; undefined: this one is, too.
   *
   * @param nowMs monotonic
   */
  take(event: string, nowMs: number): number | undefined {
    if (!AT_OTHERS_PACE.has(event)) return 0;
    const account = this.#accounts.get(event) ?? { lines: new LeakyBucket(LINES), untold: 0 };
    const isTold = account.lines.takes(1, nowMs);
    this.#accounts.set(event, { ...account, untold: isTold ? 0 : account.untold + 1 });
    return isTold ? account.untold : undefined;
  }
}
