import { afterAll } from "vitest";
import { Way } from "../../recovery/stage/way.ts";
import { sharedStage } from "../../stage/shared-stage.ts";
import type { Stage } from "../../stage/stage.ts";

/** How long each kind lasts, alone; 0, every day: all of them in turn, for some seconds. */
export const SECONDS = Number(process.env["BUILDER_AGENT_HOSTILE_SECONDS"] || 0);

/** A machine whose way to its control plane can lead elsewhere. */
export async function machineWithAWay(): Promise<{ readonly way: Way; readonly stage: () => Stage }> {
  const way = await Way.open();
  // After the stage, which ends by it: what is said first is done last.
  afterAll(() => way[Symbol.asyncDispose]());
  const stage = sharedStage({
    plane: { heartbeatMs: 1_000 },
    config: { controlPlane: { endpoint: way.endpoint } },
    prepare: (plane) => way.leadTo(plane.transport.port),
  });
  return { way, stage };
}
