import { afterAll, beforeAll, beforeEach } from "vitest";
import { changedSince, type MachineNetwork, thisMachine } from "../../../sandbox/net/this-machine.ts";
import { whyNoTailnet } from "../../../sandbox/tailnet/needs-tailnet.ts";
import { whyNoStage } from "../../stage/whether.ts";
import { TailnetStage } from "./tailnet-stage.ts";

/**
 * One tailnet and one machine for all tests of a file; each test is skipped, with the reason, where
 * none can be. At the end this machine's own network is as it was.
 */
export function sharedTailnet(options?: Parameters<typeof TailnetStage.up>[0]): () => TailnetStage {
  let stage: TailnetStage | undefined;
  let before: MachineNetwork = {};
  const why = whyNoStage() ?? whyNoTailnet("root");
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  beforeAll(async () => {
    if (why !== undefined) return;
    before = await thisMachine();
    stage = await TailnetStage.up(options);
  });
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
    const changed = stage === undefined ? [] : await changedSince(before);
    if (changed.length > 0) throw new Error(`This machine's network is not as it was:\n${changed.join("\n")}`);
  });
  return () => {
    if (stage === undefined) throw new Error("The stage is not up");
    return stage;
  };
}
