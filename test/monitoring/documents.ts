import { readFileSync } from "node:fs";
import { inTree } from "../../tools/setup/tree.mjs";

export const RULES = "docs/alerts/builder-agent.rules.yml";
export const DASHBOARD = "docs/grafana/builder-agent.json";
export const RUNBOOK = "docs/runbook.md";

/** A query of ours, and where it stands. */
export interface Query {
  readonly where: string;
  readonly expr: string;
  /** Labels that its words name: "{{ $labels.check }}", "{{check}}". */
  readonly named: readonly string[];
}

export interface Alert extends Query {
  readonly severity: string;
  readonly summary: string;
  readonly description: string;
  readonly runbookUrl: string;
}

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

/** The rules as this file of ours is written; that it is right YAML, promtool says. */
export function alerts(): readonly Alert[] {
  return readFileSync(inTree(RULES), "utf8")
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((text) => {
      const one = (pattern: RegExp): string => (pattern.exec(text)?.[1] ?? "").trim();
      return {
        where: `alert ${one(/^(\w+)$/m)}`,
        expr: one(/expr: \|-\n([^]*?)\n {8}for:/),
        severity: one(/severity: (.*)/),
        summary: one(/summary: "(.*)"/),
        description: one(/description: >-\n(.*)/),
        runbookUrl: one(/runbook_url: "(.*)"/),
        named: [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label),
      };
    });
}

export function panels(): readonly Panel[] {
  return (JSON.parse(readFileSync(inTree(DASHBOARD), "utf8")) as { readonly panels: readonly Panel[] }).panels;
}

export function queries(): readonly Query[] {
  const shown = panels().flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({
      where: `panel "${title}"`,
      expr,
      named: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label),
    })),
  );
  return [...alerts(), ...shown];
}

/** The runbook's sections: anchor → text. */
export function sections(): ReadonlyMap<string, string> {
  const [, ...parts] = readFileSync(inTree(RUNBOOK), "utf8").split(/^## /m);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n"))]));
}
