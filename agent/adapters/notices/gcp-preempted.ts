import type { Notice } from "../../core/notices/notice.ts";
import type { Metadata } from "../../ports/metadata.ts";
import type { NoticeLine } from "../../ports/notices.ts";
import { GcpValue } from "./gcp-value.ts";

const NOTICES: ReadonlyMap<string, readonly Notice[]> = new Map([
  ["FALSE", []],
  ["TRUE", [{ kind: "gcp-preempted" }]],
]);

/** Thirty seconds before the machine is gone, with the shutdown that its own system hears of. */
export function gcpPreempted(metadata: Metadata, baseUrl: string): NoticeLine {
  const value = new GcpValue(metadata, baseUrl, "/computeMetadata/v1/instance/preempted");
  return {
    name: "instance/preempted",
    everyMs: 1_000,
    look: (signal) => value.next((text) => NOTICES.get(text), signal),
  };
}
