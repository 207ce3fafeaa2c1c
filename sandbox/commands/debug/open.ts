import { resolve } from "node:path";
import { z } from "zod";
import { askSandbox } from "../../admin/client.ts";
import { EXIT } from "../../failure.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import { attach } from "./attach.ts";
import type { OfProject } from "./look.ts";

export type OpenOptions = OfProject & {
  readonly user: string;
  readonly root: boolean;
  readonly idle?: number;
  readonly for: number;
  readonly attach: boolean;
};

const granted = z.object({ grantId: z.string() });

/** As the org's owner grants it; as the person it is for, sits down. Gives the exit code. */
export async function openTerminal(
  command: readonly string[],
  options: OpenOptions,
  terminal: Terminal,
): Promise<number> {
  const { org, project, user, root, idle, dir } = options;
  const answer = await askSandbox(resolve(dir), {
    ...({ verb: "debug-grant", org, project, user, root, command: [...command], totalMs: options.for } as const),
    ...(idle !== undefined && { idleMs: idle }),
  });
  const { grantId } = granted.parse(answer);
  if (options.attach) return attach(grantId, options, terminal);
  terminal.out(options.json === true ? JSON.stringify({ grantId }, null, 2) : grantId);
  return EXIT.ok;
}
