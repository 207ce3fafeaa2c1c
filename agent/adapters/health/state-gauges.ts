import { Gauge, type Registry } from "prom-client";
import { missing } from "../../core/admission.ts";
import { CHECKS } from "../../core/checks/register.ts";
import type { ObservedState } from "../../core/observed-state.ts";
import type { Phase } from "../../core/phase.ts";
import { readiness } from "../../core/readiness.ts";

/** A row each, so that the compiler asks for a new one's. */
const EACH_PHASE: Readonly<Record<Phase["at"], true>> = {
  starting: true,
  ready: true,
  degraded: true,
  draining: true,
  stopping: true,
};
const PHASES = Object.keys(EACH_PHASE);

const CLOSED_BY = [...CHECKS.filter((check) => check.neededByBuilds).map(({ name }) => name), "stopping"];

/**
 * The observed state as gauges, so that what `/readyz` says can be alerted on and looked back at.
 */
export function stateGauges(registry: Registry): (state: ObservedState) => void {
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name: `builder_agent_${name}`, help, labelNames, registers: [registry] });
  const ready = gauge("ready", "1 while builds may be sent here.");
  const machine = gauge(
    "machine_info",
    "Always 1: which machine this is to its control plane; absent until it knows.",
    ["machine_id"],
  );
  const phase = gauge("phase", "1 for the phase that the agent is in.", ["phase"]);
  const check = gauge("check_ok", "1 while the check is ok; 0 also while nobody could look yet.", ["check"]);
  const blocking = gauge("check_blocking", "1 while the machine is not ready unless this check is ok.", ["check"]);
  const explained = gauge("check_explained", "1 while another check's failure explains that this one is not ok.", [
    "check",
  ]);
  for (const { name, blocking: is } of CHECKS) {
    check.set({ check: name }, 0);
    explained.set({ check: name }, 0);
    blocking.set({ check: name }, is ? 1 : 0);
  }
  const open = gauge("admission_open", "1 while the gateway is told to let builds in.");
  const closed = gauge("admission_closed", "1 for why the gateway is told to let no build in: a check, or stopping.", [
    "reason",
  ]);
  const heard = gauge(
    "control_plane_last_contact_timestamp_seconds",
    "When something last came from the control plane, Unix time; 0: not since control started.",
  );
  const nextTry = gauge(
    "control_plane_next_try_timestamp_seconds",
    "When the control plane is tried next, Unix time; 0 while it is not waited for.",
  );
  const chapter = gauge(
    "boot_chapter_seconds",
    "How long this part of control's start took; absent until it is over.",
    ["chapter"],
  );
  const revision = gauge("applied_revision", "Revision of the desired state that is in force in the gateway; 0: none.");
  const expiry = gauge(
    "certificate_expiry_timestamp_seconds",
    "When the certificate expires, Unix time; absent while there is none.",
    ["certificate"],
  );
  const memory = gauge("memory_available_bytes", "Memory that is available on this machine.");
  const size = gauge("cache_size_bytes", "Size of the file system that holds the cache.");
  const free = gauge("cache_free_bytes", "Free space of the file system that holds the cache.");
  const inodes = gauge("cache_inodes", "Inodes of the file system that holds the cache; 0: it has no fixed number.");
  const freeInodes = gauge("cache_free_inodes", "Free inodes of the file system that holds the cache.");
  // What was not measured yet has no value: a zero would say that there is nothing left.
  for (const one of [memory, size, free, inodes, freeInodes]) one.remove();

  return (state) => {
    ready.set(readiness(state.phase, state.checks, new Set()).ready ? 1 : 0);
    const { machineId, contact } = state.head;
    heard.set((contact?.lastHeardAtMs ?? 0) / 1000);
    nextTry.set((contact?.nextTryAtMs ?? 0) / 1000);
    // A machine that lost its key comes back as another one: of which it is, there is one series.
    machine.reset();
    if (machineId !== undefined) machine.set({ machine_id: machineId }, 1);
    for (const one of PHASES) phase.set({ phase: one }, one === state.phase.at ? 1 : 0);
    for (const { name, blocking: blocks, state: found, causedBy } of state.checks) {
      explained.set({ check: name }, causedBy === undefined ? 0 : 1);
      check.set({ check: name }, found === "ok" ? 1 : 0);
      blocking.set({ check: name }, blocks ? 1 : 0);
    }
    const why = closedBecause(state);
    open.set(why === undefined && state.checks.length > 0 ? 1 : 0);
    for (const reason of CLOSED_BY) closed.set({ reason }, reason === why ? 1 : 0);
    for (const { name, tookMs } of state.bootChapters) chapter.set({ chapter: name }, tookMs / 1000);
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
  };
}

/** As `admission` decides it; undefined: it is open, or nobody has looked yet. */
function closedBecause({ phase, checks }: ObservedState): string | undefined {
  return phase.at === "stopping" ? phase.at : missing(checks)?.name;
}
