import type { Method, Named } from "../../agent/core/calls.ts";

/** Every place where a request of this method names something. */
export function namesOf(method: Method | undefined): readonly Named[] {
  const { inHeader, inMessage = [] } = method ?? {};
  return [...(inHeader === undefined ? [] : [inHeader]), ...inMessage];
}
