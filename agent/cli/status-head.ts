import { contactInWords } from "../core/contact-words.ts";
import { duration } from "../core/time-words.ts";
import type { StatusAnswer } from "./ask-status.ts";

type Row = readonly [string, string];

/** Which machine it is, since when, and who talks to whom. An older release does not tell. */
export function statusHead(answer: StatusAnswer, nowMs: number): readonly Row[] {
  const { versions, addresses, controlPlane: contact } = answer;
  return [
    ...(addresses === undefined ? [] : [["machine", machine(answer)] as const]),
    ...up(answer, nowMs),
    ...(versions === undefined ? [] : [["versions", versionsLine(versions)] as const]),
    ...(addresses === undefined
      ? []
      : ([
          [
            "control plane",
            contact === undefined
              ? addresses.controlPlane
              : `${addresses.controlPlane}, ${contactInWords(contact, nowMs)}`,
          ],
          ["listens", `builds ${addresses.gateway}, health ${addresses.health}`],
        ] as const)),
  ];
}

function machine({ machineId, orgId, projectId, architecture }: StatusAnswer): string {
  if (machineId === undefined) return "not registered yet";
  if (orgId === undefined || projectId === undefined) return `${machineId}, not assigned yet`;
  return `${machineId}, ${architecture ?? ""} of ${orgId}/${projectId}`;
}

function up({ boot, process }: StatusAnswer, nowMs: number): readonly Row[] {
  if (boot === undefined || process === undefined) return [];
  const agent = `agent up ${duration(nowMs - process.startedAtMs)}`;
  return [["up", `${duration(nowMs - boot.atMs)} (boot ${boot.id}), ${agent}`]];
}

function versionsLine({ agent, node, buildkit }: NonNullable<StatusAnswer["versions"]>): string {
  return `agent ${agent || "unknown"}, Node ${node}, BuildKit ${buildkit || "unknown"}`;
}
