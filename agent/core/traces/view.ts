/** How it stands with the spans that this machine tells. Times are Unix ms. */
export type TracesView =
  | { readonly at: "waiting" }
  | { readonly at: "off"; readonly because: string }
  | { readonly at: "refused"; readonly because: string }
  | ({ readonly at: "sending"; readonly to: string } & TraceProgress);

/** What has become of what was sent to one endpoint. */
export interface TraceProgress {
  readonly lastAcceptedMs?: number;
  /** Why the last export was not accepted; absent: it was, or none was tried. */
  readonly failing?: string;
}

/** Why spans are lost: names of a metric. */
export const SPAN_LOSSES = ["queue-full", "not-accepted", "rejected"] as const;
export type SpanLoss = (typeof SPAN_LOSSES)[number];

/** What only beats is shown at this pace: each change of a view is told to the control plane. */
const SHOWN_EVERY_MS = 60_000;

export function withProgress(view: TracesView, progress: TraceProgress): TracesView {
  if (view.at !== "sending") return view;
  const isBeat = view.failing === undefined && progress.failing === undefined && view.lastAcceptedMs !== undefined;
  if (isBeat && (progress.lastAcceptedMs ?? 0) - view.lastAcceptedMs < SHOWN_EVERY_MS) return view;
  return { at: "sending", to: view.to, ...progress };
}
