import type { Filesystem, VolumeKind } from "../../core/volume/order.ts";
import type { Command } from "./command.ts";
import { makeExt4 } from "./ext4.ts";
import { settleExt4 } from "./settle-ext4.ts";
import { settleXfs } from "./settle-xfs.ts";
import type { Settled } from "./settled.ts";
import type { Steps } from "./steps.ts";
import type { VolumeHost } from "./volume-host.ts";
import { makeXfs } from "./xfs.ts";

/**
 * A file system as it was left → one that can be mounted, as large as its device. Beyond repair it
 * is made anew: it is a cache.
 */
export async function settleFilesystem(
  host: VolumeHost,
  filesystem: Filesystem,
  kind: VolumeKind,
  steps: Steps,
  signal: AbortSignal,
): Promise<Settled> {
  const settle = filesystem === "ext4" ? settleExt4 : settleXfs;
  const settled = await settle(host, steps, signal);
  if (settled !== "beyond-repair") return settled;
  await steps.take("make-filesystem-anew", () =>
    host.run(makeFilesystem(filesystem, host.mappings.path, { hasOldJournal: kind === "kept" }), signal),
  );
  return { check: "rebuilt", grownBytes: 0 };
}

/**
 * @param hasOldJournal Whether one of an earlier file system can be read there, and its own
 *   outlives a crash.
 */
export function makeFilesystem(
  filesystem: Filesystem,
  path: string,
  { hasOldJournal }: { readonly hasOldJournal: boolean },
): Command {
  return filesystem === "ext4" ? makeExt4(path, { hasOldJournal }) : makeXfs(path);
}
