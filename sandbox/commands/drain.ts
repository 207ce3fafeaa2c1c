import { resolve } from "node:path";
import { askSandbox } from "../admin/client.ts";
import { drained } from "../admin/request.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { InDir } from "./builds.ts";

/** What the agent's ending may take after the grace. */
const ENDING_MS = 60_000;

/**
 * Orders the drain through the control plane, and returns when the agent has ended. The sandbox
 * ends with it.
 */
export async function drain(options: InDir & { readonly grace: number }, { out }: Terminal): Promise<void> {
  const request = { verb: "drain", reason: "asked for at the command line", graceMs: options.grace } as const;
  const answer = drained.parse(await askSandbox(resolve(options.dir), request, options.grace + ENDING_MS));
  if (options.json === true) out(JSON.stringify(answer, null, 2));
  else out(`Drained and stopped after ${answer.drainedMs} ms.`);
}
