import { createHash } from "node:crypto";
import { AgentError } from "../../core/errors.ts";
import { TABLE, TABLE_FAMILIES } from "../../core/network/guard.ts";
import { runTool } from "./run-tool.ts";

/** Puts the guard in force, whole and at once. Returns the fingerprint of it, as the kernel tells it. @throws {AgentError} "network.failed": the old one stays. */
export async function putGuard(script: string, signal: AbortSignal): Promise<string> {
  await runTool("nft", ["-f", "-"], signal, script);
  const print = await guardFingerprint(signal);
  if (print !== undefined) return print;
  throw new AgentError("network.failed", "The guard was put in force and is gone: something flushes nftables", {
    retryable: true,
  });
}

/** Of what is in force, counters left out. Undefined: one of the guard's tables is not there. */
export async function guardFingerprint(signal: AbortSignal): Promise<string | undefined> {
  const digest = createHash("sha256");
  for (const family of TABLE_FAMILIES) {
    const listing = await listed(family, signal);
    if (listing === undefined) return undefined;
    digest.update(listing);
  }
  return digest.digest("hex");
}

async function listed(family: string, signal: AbortSignal): Promise<string | undefined> {
  const tables = await runTool("nft", ["list", "tables", family], signal);
  if (!tables.split("\n").includes(`table ${family} ${TABLE}`)) return undefined;
  return runTool("nft", ["--stateless", "list", "table", family, TABLE], signal);
}
