import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { Machine } from "../control-plane/machine.ts";

/** `machineId`: absent where there is one machine only. */
export const diagnosticsRequest = z.object({
  verb: z.literal("diagnostics"),
  machineId: z.string().min(1).exactOptional(),
});

export const takenDiagnostics = z.object({ machineId: z.string(), file: z.string(), sizeBytes: z.number() });

/** A machine makes a bundle within 30 s, and tries three times. */
export const DIAGNOSTICS_MS = 120_000;

/** Asks a machine for its diagnostics, and writes what comes into a file below `dir`. */
export async function takeDiagnostics(
  plane: EmbeddedControlPlane,
  dir: string,
  wanted: string | undefined,
): Promise<z.infer<typeof takenDiagnostics>> {
  const machine = machineOf(plane, wanted);
  const requestId = randomUUID();
  const expiresAt = new Date(Date.now() + DIAGNOSTICS_MS);
  const { ref } = machine.project;
  const others = () =>
    (machine.project.wishes.diagnosticsRequests ?? []).filter((other) => other.requestId !== requestId);
  plane.wish(ref, { diagnosticsRequests: [...others(), { requestId, expiresAt }] });
  try {
    const isIt = (archive: { readonly requestId: string; readonly machineId: string }): boolean =>
      archive.requestId === requestId && archive.machineId === machine.id;
    const found = () => plane.archives().find(isIt);
    const { bytes } = await plane.until(found, {
      what: `the diagnostics of ${machine.id}`,
      deadlineMs: DIAGNOSTICS_MS,
    });
    const folder = join(dir, "diagnostics");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, `${machine.id}-${requestId}.tar.gz`);
    await writeFile(file, bytes, { mode: 0o600, flag: "wx" });
    return { machineId: machine.id, file, sizeBytes: bytes.length };
  } finally {
    plane.wish(ref, { diagnosticsRequests: others() });
  }
}

function machineOf(plane: EmbeddedControlPlane, wanted: string | undefined): Machine {
  const machines = plane.machines().filter(({ id }) => wanted === undefined || id === wanted);
  const [machine] = machines;
  if (machine === undefined || machines.length > 1)
    throw new Error(
      wanted === undefined ? "There is not exactly one machine: name it." : `No machine ${wanted} is registered here.`,
    );
  if (machine.link === undefined) throw new Error(`Machine ${machine.id} is not attached: it hears of nothing.`);
  if (machine.hello?.capabilities.includes("diagnostics") !== true)
    throw new Error(`Machine ${machine.id} has an agent that makes no diagnostics.`);
  return machine;
}
