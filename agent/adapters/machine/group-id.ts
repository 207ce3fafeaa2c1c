import { readFile } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";

/** The id of a group of this machine, by group(5). @throws {AgentError} "machine.no-such-group" */
export async function groupId(name: string, groupFile = "/etc/group"): Promise<number> {
  const lines = (await readFile(groupFile, "utf8")).split("\n").map((line) => line.split(":"));
  const id = Number(lines.find(([group]) => group === name)?.[2] || Number.NaN);
  if (Number.isInteger(id)) return id;
  throw new AgentError("machine.no-such-group", `${groupFile} has no group ${name}: install our sysusers.d file`, {
    retryable: false,
  });
}
