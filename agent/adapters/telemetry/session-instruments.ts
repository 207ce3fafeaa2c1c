import { Histogram, type Registry } from "prom-client";
import { SESSION_ENDINGS } from "../../core/session.ts";
import type { Meters } from "../../ports/meters.ts";
import { KnownCounter } from "./known-counter.ts";

/** From a probe's blink to a build of two hours. */
const DURATION_BUCKETS_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200];
/** 4 KiB to 16 GiB, by eights. */
const SIZE_BUCKETS_BYTES = [12, 15, 18, 21, 24, 27, 30, 34].map((power) => 2 ** power);

/** What sessions were like, once they are over. */
export function sessionInstruments(registry: Registry): Meters["sessionClosed"] {
  const registers = [registry];
  const closed = new KnownCounter(registry, {
    name: "builder_agent_sessions_closed_total",
    help: "Sessions that ended, by the first cause.",
    label: "ending",
    known: SESSION_ENDINGS,
  });
  const duration = new Histogram({
    name: "builder_agent_session_duration_seconds",
    help: "How long sessions were open.",
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const size = new Histogram({
    name: "builder_agent_session_size_bytes",
    help: "Plain bytes of a session inside TLS, by direction.",
    labelNames: ["direction"],
    buckets: SIZE_BUCKETS_BYTES,
    registers,
  });
  for (const direction of ["from-client", "to-client"]) size.zero({ direction });
  return (ending, durationMs, bytesFromClient, bytesToClient) => {
    closed.inc(ending);
    duration.observe(durationMs / 1000);
    size.observe({ direction: "from-client" }, bytesFromClient);
    size.observe({ direction: "to-client" }, bytesToClient);
  };
}
