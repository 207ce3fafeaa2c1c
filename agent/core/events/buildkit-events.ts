import type { EventTable } from "./event.ts";

/** BuildKit, as the control process sees and steers it; its cache and its disk. */
export const buildkitEvents = {
  "buildkit.ready": {
    at: ["info"],
    fields: ["version"],
    says: "BuildKit answers, and what it fetches passes the guard.",
  },
  "buildkit.not-answering": {
    at: ["warn"],
    fields: ["err", "silentMs"],
    says: "BuildKit was ready and does not answer; it is restarted if that lasts.",
  },
  "buildkit.step-ran": {
    at: ["info"],
    fields: ["tookMs"],
    says: "BuildKit has run a tiny step of ours: the first since its start, or the first after one that failed.",
  },
  "buildkit.step-failed": {
    at: ["warn"],
    fields: ["err?", "outcome", "failures", "limitMs"],
    says: "BuildKit answers, and cannot run a tiny step of ours; after the second in a row no build is let in.",
  },
  "buildkit.outdated": {
    at: ["info"],
    fields: [],
    says: "BuildKit was started as another release has it, and starts anew once no session is open.",
  },
  "buildkit.restarting": {
    at: ["info"],
    fields: ["hung", "outdated"],
    says: "BuildKit is restarted: it hung, another release is installed, or its configuration has changed.",
  },
  "buildkit.restarted-for-space": {
    at: ["warn"],
    fields: ["freeBytes?", "freeInodes?"],
    says: "BuildKit had not even the space to prune, and is restarted while no session is open.",
  },
  "buildkit.transfers-forgotten": {
    at: ["info"],
    fields: ["records", "freedBytes"],
    says: "BuildKit ended uncleanly, perhaps amid a transfer: its copies of what clients sent are deleted, and sent again.",
  },
  "buildkit.transfers-not-forgotten": {
    at: ["warn"],
    fields: ["err"],
    says: "Copies of what clients sent could not be deleted after an unclean end: it is tried again, beside the builds.",
  },
  "buildkit.unguarded": {
    at: ["error"],
    fields: ["reached"],
    says: "BuildKit reaches what builds must not reach: no build is let in.",
  },
  "buildkit.not-started": { at: ["error"], fields: ["err"], says: "BuildKit could not be started; it is tried again." },
  "buildkit.not-restarted": {
    at: ["error"],
    fields: ["err"],
    says: "BuildKit could not be stopped for its restart; it is tried again.",
  },
  "buildkit.exited": {
    at: ["warn"],
    fields: ["kind", "exit", "lastLines"],
    says: "BuildKit's process ended unasked; its builds have failed, and it is started again.",
  },
  "buildkit.settings-adapted": {
    at: ["warn"],
    fields: ["notes"],
    says: "Settings of the control plane do not fit this machine and were adapted.",
  },
  "buildkit.unit-not-seen": {
    at: ["warn"],
    fields: ["err"],
    says: "The service manager does not say how BuildKit's unit fares.",
  },
  "cache.open": {
    at: ["info"],
    fields: ["*"],
    says: "The encrypted cache volume is mounted: which, how it was found, and how long each step took.",
  },
  "cache.open-not-encrypted": {
    at: ["info"],
    fields: ["*"],
    says: "The cache is a plain directory, as the configuration allows.",
  },
  "cache.not-open": {
    at: ["error"],
    fields: ["err"],
    says: "The cache cannot be opened, and why: an error that says what to do.",
  },
  "cache.closed": {
    at: ["info"],
    fields: [],
    says: "The cache is unmounted and closed, and erased where it was of this boot.",
  },
  "buildkit.history-deleted": {
    at: ["info"],
    fields: ["because", "pinnedToo", "records", "freeBytes?", "freeInodes?", "durationMs"],
    says: "BuildKit's records of builds that have ended are deleted: for their age, or because pruning did not free enough.",
  },
  "buildkit.history-not-deleted": {
    at: ["warn"],
    fields: ["because", "err"],
    says: "BuildKit did not delete its records of builds; it is tried again.",
  },
  "disk.low": {
    at: ["info"],
    fields: ["minFreeBytes", "all", "freeBytes?", "freeInodes?"],
    says: "The cache's disk is low: BuildKit is told to prune.",
  },
  "disk.relieved": {
    at: ["info"],
    fields: ["ended", "records?", "freedBytes?", "err?", "freeBytes?", "freeInodes?", "isEnough", "durationMs"],
    says: "There is enough room on the cache's disk again.",
  },
  "disk.still-low": {
    at: ["warn"],
    fields: ["ended", "records?", "freedBytes?", "err?", "freeBytes?", "freeInodes?", "isEnough", "durationMs"],
    says: "Pruning did not free enough; it is tried again, at growing intervals.",
  },
} as const satisfies EventTable;

/** Before buildkitd's start and after its end, as root. */
export const cacheKeeperEvents = {
  "buildkit.ended-uncleanly": {
    at: ["warn"],
    fields: ["crashesInARow"],
    says: "BuildKit's last end was unclean: its databases are checked before it starts.",
  },
  "buildkit.cache-not-synced": {
    at: ["warn"],
    fields: [],
    says: "BuildKit ended in order, and its disk did not take everything within 8 s: its next start doubts its cache, as after an unclean end.",
  },
  "buildkit.disk-reserve-used": {
    at: ["warn"],
    fields: [],
    says: "The disk is so full that the space set aside for a start was given to BuildKit.",
  },
  "buildkit.database-unchecked": {
    at: ["warn"],
    fields: ["database", "because"],
    says: "A database of BuildKit could not be checked, and is used as it is.",
  },
  "buildkit.cache-quarantined": {
    at: ["error"],
    fields: ["path", "what", "because"],
    says: "BuildKit's databases are damaged and were put aside: the cache begins anew.",
  },
  "buildkit.not-swept": {
    at: ["warn"],
    fields: ["err"],
    says: "What an earlier quarantine put aside could not be removed; it takes space.",
  },
  "buildkit.lost-snapshots-removed": {
    at: ["info"],
    fields: ["removed"],
    says: "Snapshots that no database knows any longer were removed.",
  },
} as const satisfies EventTable;

export const buildkitUnitEvents = {
  "buildkit.prepared": {
    at: ["info"],
    fields: ["schemaVersion", "preparedAtMs", "tookMs", "lastEnd", "quarantined?"],
    says: "All is ready for BuildKit's start.",
  },
  "buildkit.metrics-not-passed": {
    at: ["warn"],
    fields: ["err"],
    says: "BuildKit's own metrics could not be had from its debug socket: /metrics is without them.",
  },
} as const satisfies EventTable;

/** buildkitd as the launcher's child, where there is no systemd. */
export const buildkitChildEvents = {
  "buildkit.started": {
    at: ["info"],
    fields: ["buildkitPid", "lastEnd", "preparedMs"],
    says: "buildkitd's process began.",
  },
  "buildkit.stopped": {
    at: ["info"],
    fields: ["wasKilled"],
    says: "buildkitd was stopped as asked; killed, where it did not end in time.",
  },
  "buildkit.log": { at: ["debug", "info", "warn", "error"], fields: ["*"], says: "A line that buildkitd wrote." },
  "buildkit.trace-socket-stayed": {
    at: ["error"],
    fields: ["err"],
    says: "buildkitd's trace socket could not be removed: its next start may fail.",
  },
  "buildkit.end-not-noted": {
    at: ["error"],
    fields: ["err"],
    says: "That buildkitd ended in order could not be noted: its databases are checked at the next start.",
  },
} as const satisfies EventTable;
