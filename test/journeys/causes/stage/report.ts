import type { StatusReport } from "../../../../agent/core/status-report.ts";
import type { Stage } from "../../stage/stage.ts";

export type Told = StatusReport["checks"][number];
export type ToldTrouble = StatusReport["troubles"][number];

/** What `/status` says; undefined while control is just being started. */
export async function report(stage: Stage): Promise<StatusReport | undefined> {
  const answer = await stage.health("/status").catch(() => undefined);
  // The agent's own JSON: its form has a test of its own.
  const told = answer && (JSON.parse(answer.body) as StatusReport);
  return told !== undefined && told.checks.length > 0 ? told : undefined;
}

/** The checks that are not ok, and that no other check explains. */
export function rootsOf({ checks }: StatusReport): readonly string[] {
  return checks.filter(({ ok, causedBy }) => !ok && causedBy === undefined).map(({ name }) => name);
}

/** A check with this name. @throws {Error} where the agent has none. */
export function checkOf({ checks }: StatusReport, name: string): Told {
  const found = checks.find((check) => check.name === name);
  if (found === undefined) throw new Error(`There is no check ${name}`);
  return found;
}
