import { resolve } from "node:path";
import { askPlane, auditEntries } from "../../admin/plane/request.ts";
import type { AuditEntry, Holder, Party } from "../../control-plane/audit.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

export async function listAudit(options: InDir, { out, paint }: Terminal): Promise<void> {
  const entries = auditEntries.parse(await askPlane(resolve(options.dir), { verb: "audit" }));
  if (options.json === true) return out(JSON.stringify(entries, null, 2));
  if (entries.length === 0) return out(paint("dim", "Nothing has been audited since the start of the control plane."));
  for (const entry of entries) out(auditInWords(entry, paint));
}

/** A line, and what is known of each side below it. */
export function auditInWords(entry: AuditEntry, paint: Terminal["paint"]): string {
  const { lastAt, times, event } = entry;
  const often = times === 1 ? "" : paint("dim", ` ${times} times, first ${entry.at.toISOString()}`);
  const [what, ...details] = partsOf(entry);
  return [
    `${lastAt.toISOString()}  ${paint("bold", event)}  ${what}${often}`,
    ...details.map((detail) => `    ${detail}`),
  ].join("\n");
}

function partsOf(entry: AuditEntry): readonly [string, ...string[]] {
  switch (entry.event) {
    case "evidence-refused":
      return [`${entry.kind} from ${entry.address}`, entry.reason];
    case "instance-already-registered":
      return [entry.instance, `holder: ${holder(entry.holder)}`, `refused: ${party(entry.claimant)}`];
    case "generation-began":
      return [entry.instance, `now: ${holder(entry.holder)}`, `before: ${holder(entry.before)}`];
    case "machine-forgotten":
      return [entry.instance === undefined ? entry.machineId : `${entry.machineId}, ${entry.instance}`];
    default:
      return entry satisfies never;
  }
}

function holder({ machineId, generation, ...rest }: Holder): string {
  return `${machineId}, generation ${generation}, ${party(rest)}`;
}

function party({ keySha256, address }: Party): string {
  return `key ${keySha256}${address === undefined ? "" : ` at ${address}`}`;
}
