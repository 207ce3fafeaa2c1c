import { fileURLToPath } from "node:url";
import { systemClock } from "../../adapters/clock/system-clock.ts";
import { isolationVerifier } from "../../adapters/network-probe/verify-isolation.ts";
import type { VerifyIsolation } from "../../core/network/facts.ts";

/** Tries the builds' network from inside; for those who are root. `notesDir`: see the adapter. */
export function verifyIsolationWith(notesDir: string): VerifyIsolation {
  const main = fileURLToPath(new URL("../main.js", import.meta.url));
  return isolationVerifier({
    program: { command: process.execPath, args: [main, "network", "probe"] },
    notesDir,
    clock: systemClock(),
  });
}
