import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";

const DEADLINE_MS = 10_000;

// headscale leaves out what is empty, 0 or false.
export const authKeyShape = z.object({ id: z.number(), key: z.string() });

export const nodeShape = z.object({
  id: z.number(),
  given_name: z.string(),
  ip_addresses: z.array(z.string()).default([]),
  forced_tags: z.array(z.string()).default([]),
  online: z.boolean().default(false),
  approved_routes: z.array(z.string()).default([]),
  available_routes: z.array(z.string()).default([]),
  pre_auth_key: z.object({ ephemeral: z.boolean().default(false) }).optional(),
});

export const nodesShape = z.array(nodeShape).nullable();

export const userShape = z.object({ id: z.number(), name: z.string() });

export const usersShape = z.array(userShape).nullable();

/** headscale said no. */
export class HeadscaleRefused extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = "HeadscaleRefused";
  }
}

/**
 * Asks the server whose configuration this is, over its unix socket: 20 ms, and from any network.
 * @throws {HeadscaleRefused} with the server's words.
 */
export async function askHeadscale(program: string, configFile: string, args: readonly string[]): Promise<unknown> {
  try {
    const words = ["--config", configFile, "--output", "json", ...args];
    const { stdout } = await promisify(execFile)(program, words, { timeout: DEADLINE_MS, killSignal: "SIGKILL" });
    return JSON.parse(stdout);
  } catch (cause) {
    throw new HeadscaleRefused(`headscale ${args.slice(0, 2).join(" ")}: ${wordsOf(cause)}`, cause);
  }
}

/** What it wrote, which is JSON with the reason; or how it failed otherwise. */
function wordsOf(cause: unknown): string {
  const said = z.object({ stdout: z.string(), stderr: z.string() }).safeParse(cause);
  const text = said.success ? `${said.data.stdout}${said.data.stderr}`.trim() : "";
  return text === "" ? String(cause) : text;
}
