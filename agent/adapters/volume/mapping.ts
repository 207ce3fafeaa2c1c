import { access, open } from "node:fs/promises";
import type { MappingFacts } from "../../core/volume/inventory.ts";
import { listBlock, readBlock } from "./block-device.ts";
import type { RunCommand } from "./command.ts";
import { MAPPING } from "./cryptsetup.ts";
import { deviceMapperFacts } from "./sysfs.ts";

/** The kernel's mappings, as far as our one name goes. */
export interface Mappings {
  /** Where an open volume is. */
  readonly path: string;
  /** Whether the kernel has device-mapper. */
  able(): Promise<boolean>;
  /** Undefined: nothing is open at our name. */
  look(signal: AbortSignal): Promise<MappingFacts | undefined>;
}

export function kernelMappings(run: RunCommand): Mappings {
  const path = `/dev/mapper/${MAPPING}`;
  return {
    path,
    able: () => answers("/dev/mapper/control"),
    look: async (signal) => {
      if (!(await exists(path))) return undefined;
      const { uuid, below } = await deviceMapperFacts(path);
      const luksUuid = luksUuidOf(uuid);
      const { use } = readBlock((await run(listBlock(path), signal)).stdout);
      return { ...(luksUuid !== undefined && { luksUuid }), device: below.join(" "), mountPoints: use.mountPoints };
    },
  };
}

/** "CRYPT-LUKS2-<32 digits>-<name>" → the uuid as LUKS writes it. */
function luksUuidOf(deviceMapperUuid: string): string | undefined {
  const digits = /^CRYPT-LUKS2-(?<digits>[0-9a-f]{32})-/.exec(deviceMapperUuid)?.groups?.["digits"];
  return digits?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * Opening it is what loads the module; its node may be there without one. Whoever may not open it
 * cannot know better.
 */
async function answers(control: string): Promise<boolean> {
  try {
    await (await open(control, "r")).close();
    return true;
  } catch (failure) {
    return failure instanceof Error && "code" in failure && (failure.code === "EACCES" || failure.code === "EPERM");
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
