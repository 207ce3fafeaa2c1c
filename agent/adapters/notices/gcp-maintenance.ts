import type { Notice } from "../../core/notices/notice.ts";
import type { Metadata } from "../../ports/metadata.ts";
import type { NoticeLine } from "../../ports/notices.ts";
import { GcpValue } from "./gcp-value.ts";

const NOTICES: ReadonlyMap<string, readonly Notice[]> = new Map([
  ["NONE", []],
  ["MIGRATE_ON_HOST_MAINTENANCE", [{ kind: "gcp-live-migration" }]],
  ["TERMINATE_ON_HOST_MAINTENANCE", [{ kind: "gcp-host-maintenance" }]],
]);

/**
 * Sixty seconds before; up to an hour where the machine has a GPU. Only who has asked since the
 * last time gets a warning.
 */
export function gcpMaintenance(metadata: Metadata, baseUrl: string): NoticeLine {
  const value = new GcpValue(metadata, baseUrl, "/computeMetadata/v1/instance/maintenance-event");
  return {
    name: "instance/maintenance-event",
    everyMs: 1_000,
    look: (signal) => value.next((text) => NOTICES.get(text), signal),
  };
}
