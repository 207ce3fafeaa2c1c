import { resolve } from "node:path";
import { DIAGNOSTICS_MS, takenDiagnostics } from "../admin/diagnostics.ts";
import { shellLine } from "../stack/client-lines.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { InDir } from "./builds.ts";

export interface DiagnosticsOptions extends InDir {
  readonly machine?: string;
}

type Ask = (
  dir: string,
  request: { readonly verb: "diagnostics"; readonly machineId?: string },
  deadlineMs: number,
) => Promise<unknown>;

/** Asks a machine for a bundle through the control plane, and says where it lies. */
export async function takeDiagnostics(options: DiagnosticsOptions, ask: Ask, { out }: Terminal): Promise<void> {
  const { machine } = options;
  const request = { verb: "diagnostics", ...(machine !== undefined && { machineId: machine }) } as const;
  const taken = takenDiagnostics.parse(await ask(resolve(options.dir), request, DIAGNOSTICS_MS + 10_000));
  if (options.json === true) out(JSON.stringify(taken, null, 2));
  else
    out(
      `${taken.file}\n${taken.sizeBytes} bytes, of ${taken.machineId}; look into it: ${shellLine(["tar", "--list", "--gzip", "--file", taken.file])}`,
    );
}
