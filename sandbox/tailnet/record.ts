import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EXIT, SandboxFailure } from "../failure.ts";

const schema = z.object({
  pid: z.int(),
  runtimeDir: z.string(),
  coordinationUrl: z.string(),
  apiUrl: z.string(),
  clientId: z.string(),
  clientSecret: z.string(),
  tags: z.array(z.string()),
  /** For `headscale --config`. */
  headscale: z.object({ program: z.string(), configFile: z.string(), userId: z.int() }),
  pageUrl: z.string(),
  /** Behind a subnet route; absent where there is none. */
  privateUrl: z.string().optional(),
  /**
   * The process of the sandbox whose machine reaches it; absent: it is on this machine's loopback.
   */
  sandboxPid: z.int().optional(),
});

/**
 * What a person, and `tailnet grant`, need to know of a tailnet that is up. It has a secret in it:
 * for this user only.
 */
export type TailnetRecord = z.infer<typeof schema>;

export function recordFile(dir: string): string {
  return join(dir, "tailnet.json");
}

/** Of the tailnet that is up there, or of one that was killed; undefined: neither. */
export async function lastTailnet(dir: string): Promise<TailnetRecord | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(recordFile(dir), "utf8")));
  } catch {
    return undefined;
  }
}

/** @throws {SandboxFailure} if no tailnet is up there. */
export async function readTailnet(dir: string): Promise<TailnetRecord> {
  const record = await lastTailnet(dir);
  if (record !== undefined && isAlive(record.pid)) return record;
  const message = `No tailnet is up in ${dir}: start one with "npm run sandbox -- tailnet up --dir ${dir}".`;
  throw new SandboxFailure(EXIT.unavailable, message);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
