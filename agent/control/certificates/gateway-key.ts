import type { GatewayView, NextGateway } from "../../core/views.ts";

/** The key that waits for a certificate; undefined: none does. */
export function uncertifiedKey(view: GatewayView): string | undefined {
  return view.at === "here" ? newest(view).uncertified : undefined;
}

/** It cannot serve until it gets one. */
export function isWithoutCertificate(view: GatewayView): boolean {
  return view.at === "here" && newest(view).servingNotAfterMs === undefined;
}

/** Where one is about to take another's place, that one's key is to be certified. */
export function newest<V extends GatewayView>(view: V): V | NextGateway {
  return view.at === "here" && view.next !== undefined ? view.next : view;
}
