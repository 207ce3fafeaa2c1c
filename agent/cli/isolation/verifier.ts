import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../adapters/clock/system-clock.ts";
import { isolationVerifier } from "../../adapters/network-probe/verify-isolation.ts";
import type { VerifyIsolation } from "../../core/network/facts.ts";
import { FORBIDDEN_MS } from "../../core/network/probe-target.ts";

/** Tries the builds' network from inside; for those who are root. `notesDir`: see the adapter. */
export function verifyIsolationWith(notesDir: string): VerifyIsolation {
  const main = fileURLToPath(new URL("../main.js", import.meta.url));
  return isolationVerifier({
    program: { command: process.execPath, args: [main, "network", "probe"] },
    notesDir,
    fetcher: (socketPath) =>
      existsSync(socketPath)
        ? async (targets, signal) => {
            // Loaded where there is one to ask: the machine's boot does not wait for it.
            const { tryFetches } = await import("../../adapters/buildkit/fetch-probe.ts");
            return tryFetches(socketPath, targets, FORBIDDEN_MS, signal);
          }
        : undefined,
    clock: systemClock(),
  });
}
