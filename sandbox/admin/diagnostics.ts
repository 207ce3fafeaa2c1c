import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { Machine } from "../control-plane/machine.ts";

/** `machineId`: absent where one machine only is attached. */
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

/** The one that is wanted; where none is named, the only one that is there now. @throws {Error} */
export function machineOf(plane: Pick<EmbeddedControlPlane, "machines">, wanted: string | undefined): Machine {
  const machine = wanted === undefined ? onlyOne(plane.machines()) : plane.machines().find(({ id }) => id === wanted);
  if (machine === undefined) throw new Error(`No machine ${wanted} is registered here.`);
  if (machine.link === undefined) throw new Error(`Machine ${machine.id} is not attached: it hears of nothing.`);
  if (machine.hello?.capabilities.includes("diagnostics") !== true)
    throw new Error(`Machine ${machine.id} has an agent that makes no diagnostics.`);
  return machine;
}

/** A machine that was started anew is another one, and the old one stays registered. */
function onlyOne(machines: readonly Machine[]): Machine {
  const [machine, ...more] = machines.filter(({ link }) => link !== undefined);
  if (machine === undefined)
    throw new Error(machines.length === 0 ? "No machine has registered." : "No machine is attached: none hears of it.");
  if (more.length === 0) return machine;
  const ids = [machine, ...more].map(({ id }) => id);
  throw new Error(`${ids.length} machines are attached: name one with --machine (${ids.join(", ")}).`);
}
