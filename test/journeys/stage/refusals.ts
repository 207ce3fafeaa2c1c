import { expect } from "vitest";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import type { Stage } from "./stage.ts";

/**
 * Lets a stock client try, and expects that it fails and that the gateway's log gives this reason.
 */
export async function expectRefused(stage: Stage, build: OpenedBuildFiles, reason: string): Promise<void> {
  const refused = stage.log.next("session.refused", ({ data }) => data["reason"] === reason);
  const { exitCode, said } = await stage.askWorkers(build);
  if (exitCode === 0) throw new Error(`The client was let in:\n${said}`);
  const { data, level, process } = await refused;
  expect([level, process]).toEqual(["warn", "gateway"]);
  expect(data["peer"]).toMatch(/^127\.0\.0\.1:\d+$/);
}
