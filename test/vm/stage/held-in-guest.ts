import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import type { Client } from "../../journeys/stage/client.ts";
import { paced } from "../machine/pace.ts";
import { recipe } from "./recipes.ts";
import type { VmStage } from "./vm-stage.ts";

const BEGIN_DEADLINE_MS = paced(120_000);

/**
 * Starts a build, and waits until it is in the middle of its only step, where it stays until
 * `letGo`.
 */
export async function holdBuild(
  stage: VmStage,
  ticket: OpenedBuildFiles,
): Promise<{ readonly client: Client; readonly letGo: () => Promise<void> }> {
  // buildctl also prints the script itself.
  const script = "echo began $((6*7)); until [ -e /go ]; do sleep 0.2; done; echo done > /result";
  const { client } = await stage.build(recipe(script), ticket);
  await client.says("began 42", BEGIN_DEADLINE_MS);
  return {
    client,
    letGo: async () => {
      // The image itself has no busybox.
      await stage.guest.run("touch /proc/$(pgrep --exact --oldest busybox)/root/go");
    },
  };
}
