import { resolve } from "node:path";
import { z } from "zod";
import { askSandbox } from "../../admin/client.ts";
import type { ProjectRef } from "../../control-plane/project-ref.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

export type OfProject = InDir & ProjectRef;

const listed = z.array(
  z.object({
    grantId: z.string(),
    state: z.string(),
    reason: z.string(),
    message: z.string(),
    recordingId: z.string().exactOptional(),
  }),
);

export async function listTerminals(options: OfProject, { out, paint }: Terminal): Promise<void> {
  const { dir, org, project } = options;
  const terminals = listed.parse(await askSandbox(resolve(dir), { verb: "debug-list", org, project }));
  if (options.json === true) return out(JSON.stringify(terminals, null, 2));
  if (terminals.length === 0) return out(paint("dim", "Nothing was granted."));
  for (const { grantId, state, reason, message, recordingId } of terminals) {
    const why = reason === "" ? "" : ` (${reason})`;
    out(`${grantId}  ${state}${why}  ${message}${recordingId === undefined ? "" : `  ${paint("dim", recordingId)}`}`);
  }
}

export async function withdraw(grantId: string, options: OfProject, { out }: Terminal): Promise<void> {
  const { dir, org, project } = options;
  await askSandbox(resolve(dir), { verb: "debug-withdraw", org, project, grantId });
  out(`Grant ${grantId} is withdrawn.`);
}
