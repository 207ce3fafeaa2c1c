import { AgentError } from "../../core/errors.ts";
import { type HeaderMetadata, sectorBytesOf } from "../../core/volume/header-form.ts";
import { mappingFault } from "../../core/volume/judge-mapping.ts";
import { MAPPING, openMapping } from "./cryptsetup.ts";
import type { HeaderCopy } from "./header-copy.ts";
import { readTable, showTable } from "./mapping-table.ts";
import type { VolumeHost } from "./volume-host.ts";

/**
 * Maps a device by a copy of its header that was found right, and compares what the kernel maps
 * then. Whoever called closes the mapping after a failure.
 * @throws {AgentError} "cache.mapping-differs"
 */
export async function openByCopy(
  { run }: Pick<VolumeHost, "run">,
  { device, copy, metadata }: { readonly device: string; readonly copy: HeaderCopy; readonly metadata: HeaderMetadata },
  key: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<void> {
  await run(openMapping(device, copy.path), signal, key);
  const table = readTable((await run(showTable, signal)).stdout);
  const fault = mappingFault(table, { device: copy.deviceNumber, sectorBytes: sectorBytesOf(metadata) });
  if (fault === undefined) return;
  const told = `The mapping ${MAPPING} of ${device} ${fault}: it is closed again, and nothing was written through it`;
  throw new AgentError("cache.mapping-differs", `${told}; report this as a defect`, { retryable: false });
}
