import { createHash } from "node:crypto";
import { AgentError } from "../../core/errors.ts";
import { TABLE } from "../../core/network/guard.ts";
import { runTool } from "./run-tool.ts";

/** Somebody else would have to change it in the same milliseconds as often as this. */
const TRIES_MAX = 6;

/**
 * Puts the guard in force, each time whole and at once, until two listings in a row agree on what
 * it is. One alone could show what somebody changed in the moment before it, and that be kept for
 * right. `known`: what this script was listed as before.
 * @throws {AgentError} "network.failed", retryable: nft refused it, and the old one stays; or it
 * does not stay as it was put.
 */
export async function putGuard(script: string, known: string | undefined, signal: AbortSignal): Promise<string> {
  let last = known;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    await runTool("nft", ["-f", "-"], signal, script);
    const listed = await guardFingerprint(signal);
    if (listed !== undefined && listed === last) return listed;
    last = listed;
  }
  throw new AgentError(
    "network.failed",
    `The guard was put in force ${TRIES_MAX} times and did not stay so: something else on this machine changes nftables' table ${TABLE}. Find it, and stop it`,
    { retryable: true },
  );
}

/** Of what is in force, without what the kernel counts. Undefined: there is no such table. */
export async function guardFingerprint(signal: AbortSignal): Promise<string | undefined> {
  const ruleset = await runTool("nft", ["--stateless", "--terse", "list", "ruleset"], signal);
  const table = new RegExp(`^table inet ${TABLE} \\{$[^]*?^\\}$`, "m").exec(ruleset)?.[0];
  return table === undefined ? undefined : createHash("sha256").update(table).digest("hex");
}
