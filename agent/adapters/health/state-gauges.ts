import { Gauge, type Registry } from "prom-client";
import type { ObservedState } from "../../core/observed-state.ts";
import type { Phase } from "../../core/phase.ts";
import { readiness } from "../../core/readiness.ts";

const PHASES: readonly Phase["at"][] = ["starting", "ready", "degraded", "draining", "stopping"];

/**
 * The observed state as gauges, so that what `/readyz` says can be alerted on and looked back at.
 */
export function stateGauges(registry: Registry): (state: ObservedState) => void {
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name: `builder_agent_${name}`, help, labelNames, registers: [registry] });
  const ready = gauge("ready", "1 while builds may be sent here.");
  const phase = gauge("phase", "1 for the phase that the agent is in.", ["phase"]);
  const check = gauge("check_ok", "1 while the check is ok.", ["check", "blocking"]);
  const revision = gauge("applied_revision", "Revision of the desired state that is in force in the gateway; 0: none.");
  const expiry = gauge("certificate_expiry_timestamp_seconds", "When the certificate expires, Unix time.", [
    "certificate",
  ]);
  const memory = gauge("memory_available_bytes", "Memory that is available on this machine.");
  const size = gauge("cache_size_bytes", "Size of the file system that holds the cache.");
  const free = gauge("cache_free_bytes", "Free space of the file system that holds the cache.");
  const inodes = gauge("cache_inodes", "Inodes of the file system that holds the cache; 0: it has no fixed number.");
  const freeInodes = gauge("cache_free_inodes", "Free inodes of the file system that holds the cache.");
  const restarts = gauge("buildkit_restarts", "Restarts of buildkitd since control started.");

  return (state) => {
    ready.set(readiness(state.phase, state.checks, new Set()).ready ? 1 : 0);
    for (const one of PHASES) phase.set({ phase: one }, one === state.phase.at ? 1 : 0);
    for (const { name, blocking, state: found } of state.checks)
      check.set({ check: name, blocking: `${blocking}` }, found === "ok" ? 1 : 0);
    revision.set(Number(state.appliedRevision));
    const { machineNotAfterMs, servingNotAfterMs } = state.certificates;
    if (machineNotAfterMs !== undefined) expiry.set({ certificate: "machine" }, machineNotAfterMs / 1000);
    if (servingNotAfterMs !== undefined) expiry.set({ certificate: "serving" }, servingNotAfterMs / 1000);
    if (state.resources !== undefined) {
      memory.set(state.resources.memoryAvailableBytes);
      size.set(state.resources.cacheSizeBytes);
      free.set(state.resources.cacheFreeBytes);
      inodes.set(state.resources.cacheInodes);
      freeInodes.set(state.resources.cacheFreeInodes);
    }
    restarts.set(state.buildkit.restarts);
  };
}
