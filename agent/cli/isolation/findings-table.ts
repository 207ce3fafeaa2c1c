import type { IsolationReport, ProbeFinding } from "../../core/network/order.ts";
import type { Paint } from "../colour.ts";
import { columns } from "../columns.ts";

/** What a verification found, for an operator: what is amiss first. */
export function findingsTable({ findings, tookMs }: IsolationReport, paint: Paint): string {
  const amiss = findings.filter(({ ok }) => !ok);
  const headline =
    amiss.length === 0
      ? `${paint("green", "isolated")}: ${findings.length} targets tried from inside a build's network in ${tookMs} ms`
      : `${paint("red", "not isolated")}: ${amiss.length} of ${findings.length} targets are not as they must be`;
  const rows = [...amiss, ...findings.filter(({ ok }) => ok)].map(row);
  return `${headline}\n\n${coloured(columns(rows), paint)}`;
}

function row({ what, target, expected, got, ok, detail }: ProbeFinding): readonly string[] {
  const found = detail === "" ? got : `${got} (${detail})`;
  return [ok ? "[+]" : "[-]", what, target, ok ? found : `${found}, must be ${expected}`];
}

function coloured(table: string, paint: Paint): string {
  return table.replaceAll(/^\[\+\]/gm, paint("green", "[+]")).replaceAll(/^\[-\]/gm, paint("red", "[-]"));
}
