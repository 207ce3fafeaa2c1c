import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linuxMachine } from "../adapters/machine/linux-machine.ts";
import { type VolumeHost, volumeHost } from "../adapters/volume/volume-host.ts";
import type { Config } from "./config/config.ts";
import { layoutOf } from "./layout.ts";

/** The machine as the volume's own processes see it. */
export async function volumeHostOf({ paths }: Pick<Config, "paths">): Promise<VolumeHost> {
  const bootId = await linuxMachine({ buildkitBinary: "buildkitd" }).bootId();
  return volumeHost({ bootId, ...layoutOf(paths) });
}

/**
 * The same for someone who only looks: headers are copied to a directory of its own, which is gone
 * afterwards. An image is looked at for another machine: whether this one could open it does not
 * matter.
 */
export async function withLookingHost<T>(
  config: Pick<Config, "paths">,
  { isImage }: { readonly isImage: boolean },
  work: (host: VolumeHost) => Promise<T>,
): Promise<T> {
  const inMemory = await stat("/dev/shm").then(
    () => "/dev/shm",
    () => tmpdir(),
  );
  const scratchDir = await mkdtemp(join(inMemory, "builder-agent-volume-"));
  try {
    const host = await volumeHostOf(config);
    const mappings = isImage ? { ...host.mappings, able: () => Promise.resolve(true) } : host.mappings;
    return await work({ ...host, mappings, images: isImage, scratchDir });
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}
