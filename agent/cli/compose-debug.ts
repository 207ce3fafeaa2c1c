import { systemdTerminalGone } from "../adapters/systemd/terminal-unit.ts";
import { askedTerminal } from "../adapters/terminal/asked-terminal.ts";
import { grantSignatures } from "../adapters/terminal/grant-signatures.ts";
import { processGone } from "../adapters/terminal/process-gone.ts";
import { recordingFiles } from "../adapters/terminal/recording-files.ts";
import { usedGrants } from "../adapters/terminal/used-grants.ts";
import type { DebugPlane, DebugPorts } from "../ports/debug-terminal.ts";
import type { Config } from "./config/config.ts";
import type { Layout } from "./layout.ts";

/**
 * Debug terminals of this machine. Undefined where nothing could make sure that what a terminal
 * started is gone at its end: the launcher needs to be root for that.
 */
export function debugPortsOf(
  { services: { manager }, debugTerminal }: Pick<Config, "services" | "debugTerminal">,
  layout: Layout,
  plane: DebugPlane,
): DebugPorts | undefined {
  if (manager === "launcher" && process.getuid?.() !== 0) return undefined;
  const bySystemd = manager === "systemd";
  return {
    plane,
    host: askedTerminal({
      sockets: {
        unprivileged: layout.terminalSocket,
        root: bySystemd ? layout.rootTerminalSocket : layout.terminalSocket,
      },
      seeItGone: bySystemd ? systemdTerminalGone : processGone,
    }),
    recordings: recordingFiles(layout.recordingsDir),
    used: usedGrants(layout.usedGrants),
    signatures: grantSignatures,
    rootAllowed: debugTerminal.root,
  };
}
