import type { DesiredState } from "./desired-state.ts";
import { sameData } from "./equality.ts";

/** Where a part of the desired state stands in the contract: what an operator greps for. */
const FIELDS: ReadonlyMap<string, string> = new Map<keyof DesiredState, string>([
  ["trust", "trust_bundle"],
  ["grants", "open_builds"],
  ["closed", "closed_builds"],
  ["cacheVolume", "cache_volume"],
  ["debugGrants", "debug_grants"],
  ["diagnostics", "diagnostics_requests"],
  ["traces", "trace_export"],
  ["asksFor", "what is asked for beside builds"],
]);

/**
 * The parts in which two states of one revision differ, by their names in the contract; none: they
 * have the same content. Secrets count and are never printed; `sentAtMs` and `heartbeatMs` do not
 * count. Lists whose order means nothing (CAs, CIDRs, tags) count as sets: a control plane may keep
 * them in a set.
 */
export function differingFields(a: DesiredState, b: DesiredState): readonly string[] {
  const [one, other] = [content(a), content(b)];
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((part) => !sameData(one.get(part), other.get(part)))
    .map((part) => FIELDS.get(part) ?? part);
}

function content(state: DesiredState): ReadonlyMap<string, unknown> {
  const { sentAtMs: _, heartbeatMs: __, ...parts } = state;
  const { trust, egress, tailnet, debugGrants } = parts;
  const unordered = {
    ...parts,
    trust: { ...trust, buildCas: new Set(trust.buildCas) },
    egress: { ...egress, allowedCidrs: new Set(egress.allowedCidrs) },
    debugGrants: new Map(debugGrants.map((wish) => [wish.grantId, wish])),
    ...(tailnet !== undefined && { tailnet: { ...tailnet, tags: new Set(tailnet.tags) } }),
  };
  return new Map<string, unknown>(Object.entries(unordered));
}
