/** A selector of a query: `builder_agent_phase{phase=~"draining|stopping"}`. */
export interface Selector {
  readonly metric: string;
  /** The values that are asked for, by label; none where that is left to a variable. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

const METRIC = /\b((?:builder_agent|buildkit|process|nodejs)_\w+|up)\b(?:\{([^}]*)\})?/g;

export function selectors(expr: string): readonly Selector[] {
  return [...expr.matchAll(METRIC)].map(([, metric = "", inside = ""]) => ({
    metric,
    labels: new Map(
      [...inside.matchAll(/(\w+)\s*(?:=~|!=|!~|=)\s*"([^"]*)"/g)].map(([, label = "", value = ""]) => [
        label,
        value.startsWith("$") ? [] : value.split("|"),
      ]),
    ),
  }));
}

/** Labels by which series are joined and summed. */
export function groupedBy(expr: string): readonly string[] {
  return [...expr.matchAll(/\b(?:by|on|ignoring|without) \(([^)]*)\)/g)].flatMap(([, list = ""]) =>
    list.split(",").map((label) => label.trim()),
  );
}

/** What /metrics answered: metric → the labels of each of its series. */
export function series(exposition: string): ReadonlyMap<string, readonly ReadonlyMap<string, string>[]> {
  const found = new Map<string, ReadonlyMap<string, string>[]>();
  for (const [, metric = "", inside = ""] of exposition.matchAll(/^([a-z]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const labels = new Map(
      [...inside.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = "", value = ""]) => [label, value]),
    );
    found.set(metric, [...(found.get(metric) ?? []), labels]);
  }
  return found;
}
