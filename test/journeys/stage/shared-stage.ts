import { afterAll, beforeAll } from "vitest";
import type { StageOptions } from "./set-up.ts";
import { Stage } from "./stage.ts";
import { needsStage, whyNoStage } from "./whether.ts";

/**
 * One stage for all tests of a file, up before the first and down after the last; each test is
 * skipped where none can be.
 */
export function sharedStage(options?: StageOptions): () => Stage {
  let stage: Stage | undefined;
  needsStage();
  beforeAll(async () => {
    if (whyNoStage() === undefined) stage = await Stage.up(options);
  });
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });
  return () => {
    if (stage === undefined) throw new Error("The stage is not up");
    return stage;
  };
}
