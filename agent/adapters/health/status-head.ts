import { contactInWords } from "../../core/contact-words.ts";
import type { ObservedState } from "../../core/observed-state.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { elapsed } from "./moments.ts";

/** Which machine this is, since when, and who talks to whom. */
export function statusHead({ head }: ObservedState, nowMs: number): Html {
  const { assignment, versions, run, contact } = head;
  if (run === undefined) return NOTHING;
  return html`<section class="head"><h2>Machine</h2><dl>${[
    item("Builds for", assignment === undefined ? "not assigned yet" : `${assignment.orgId}/${assignment.projectId}`),
    item("Architecture", assignment?.architecture ?? "not assigned yet"),
    item("Control plane", run.addresses.controlPlane),
    ...(contact === undefined ? [] : [item("Contact", contactInWords(contact, nowMs), "wide")]),
    item("Builds connect to", run.addresses.gateway),
    item("Agent", versions?.agent || "unknown"),
    item("Node", versions?.node ?? "unknown"),
    item("BuildKit", versions?.buildkit || "unknown"),
    item("Machine up", elapsed(run.bootedAtMs, nowMs)),
    item("Agent up", elapsed(run.startedAtMs, nowMs)),
    item("Boot", run.bootId),
  ]}</dl></section>`;
}

function item(name: string, value: string | Html, width: "" | "wide" = ""): Html {
  return html`<div class="${width}"><dt>${name}</dt><dd>${value}</dd></div>`;
}
