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
  const ruleset = await runTool("nft", ["--stateless", "list", "ruleset"], signal);
  const digest = createHash("sha256");
  for (const family of TABLE_FAMILIES) {
    const table = new RegExp(`^table ${family} ${TABLE} \\{$[^]*?^\\}$`, "m").exec(ruleset)?.[0];
    if (table === undefined) return undefined;
    digest.update(table);
  }
  return digest.digest("hex");
}
