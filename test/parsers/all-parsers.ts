import type { Parser } from "./parser.ts";
import { fromBuildkit } from "./rows/buildkit.ts";
import { fromTheControlPlane } from "./rows/control-plane.ts";
import { keptAndConfigured } from "./rows/kept.ts";
import { fromTheNetwork } from "./rows/network.ts";
import { platformsNotices } from "./rows/notices.ts";
import { fromOurSockets } from "./rows/sockets.ts";
import { fromTheSystem } from "./rows/system.ts";
import { certified } from "./samples.ts";

/** Every reader of what others wrote. */
export async function allParsers(): Promise<readonly Parser[]> {
  const sound = await certified();
  return [
    ...fromTheControlPlane(sound),
    ...fromOurSockets,
    ...fromBuildkit,
    ...fromTheSystem,
    ...fromTheNetwork(sound),
    ...platformsNotices,
    ...keptAndConfigured,
  ];
}
