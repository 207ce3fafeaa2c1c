import { expect } from "vitest";
import { partingWords } from "../../../agent/core/parting-words.ts";
import { TURNED_AWAY } from "../../../agent/core/turned-away.ts";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import type { Stage } from "./stage.ts";

/**
 * Lets a stock client try, and expects that it fails, that the gateway's log gives this reason, and
 * that a client whose certificate is good prints it.
 */
export async function expectRefused(stage: Stage, build: OpenedBuildFiles, reason: string): Promise<void> {
  const refused = stage.log.next("session.refused", ({ data }) => data["reason"] === reason);
  const { exitCode, said } = await stage.askWorkers(build);
  if (exitCode === 0) throw new Error(`The client was let in:\n${said}`);
  const { data, level, process } = await refused;
  const told = TURNED_AWAY.find((known) => known === reason);
  const words = told && partingWords(told, String(data["detail"]));
  if (words === undefined) expect(said).not.toMatch(/machine|this build/);
  else expect(said).toContain(words.message);
  expect([level, process]).toEqual(["warn", "gateway"]);
  expect(data["peer"]).toMatch(/^127\.0\.0\.1:\d+$/);
}
