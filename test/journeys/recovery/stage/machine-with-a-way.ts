import { afterAll } from "vitest";
import { sharedStage } from "../../stage/shared-stage.ts";
import type { Stage } from "../../stage/stage.ts";
import { Way } from "./way.ts";

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
