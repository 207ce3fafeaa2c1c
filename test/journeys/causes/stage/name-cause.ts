import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import type { StatusReport } from "../../../../agent/core/status-report.ts";
import type { OpenedBuildFiles } from "../../../../sandbox/admin/request.ts";
import { inTree } from "../../../../sandbox/stack/tree.ts";
import { eventually } from "../../stage/eventually.ts";
import type { Stage } from "../../stage/stage.ts";
import type { Cause } from "./cause.ts";
import { paced } from "./paced.ts";
import { checkOf, report, rootsOf, type ToldTrouble } from "./report.ts";

/** The bar: a cause is named within this, and within twice that where it shows by silence. */
const NAMED_MS = 10_000;
const NAMED_OF_SILENCE_MS = 20_000;
/** Far more than any recovery here takes. */
const CLEARED_MS = 45_000;
/** sysexits: the words are no command. */
const USAGE = 64;

/** Once nothing is wrong but `usual`. */
export async function well(stage: Stage, usual: readonly string[]): Promise<StatusReport> {
  let last: readonly string[] | undefined;
  const isWell = async (): Promise<StatusReport | undefined> => {
    const now = await report(stage);
    last = now && rootsOf(now);
    const isAsUsual = last?.every((name) => usual.includes(name)) === true;
    return isAsUsual && now?.ready === true ? now : undefined;
  };
  return eventually("all is well", isWell, paced(CLEARED_MS)).catch((cause: unknown) => {
    throw new Error(`Something is still wrong: ${last?.join(", ")}`, { cause });
  });
}

/**
 * Brings a cause about, sees it named in time, as what it is and with what to do, and its end, after
 * it was mended. Returns how long it took to be named and to be cleared.
 */
export async function nameCause(
  stage: Stage,
  cause: Cause,
  { usual, build }: { readonly usual: readonly string[]; readonly build: OpenedBuildFiles },
): Promise<{ readonly namedMs: number; readonly clearedMs: number }> {
  const { check: name } = cause;
  const troublesBefore = (await well(stage, usual)).troubles;
  const broughtMs = Date.now();
  let namedMs: number;
  try {
    await cause.bring(stage);
    const named = await untilNamed(stage, cause);
    namedMs = Date.now() - broughtMs;
    const limitMs = paced(cause.isSilence ? NAMED_OF_SILENCE_MS : NAMED_MS);
    expect.soft(namedMs, `ms until ${name} was named`).toBeLessThan(limitMs);
    await seen(stage, cause, named, usual);
    if (cause.door !== "nobody answers") {
      const { exitCode, said } = await stage.askWorkers(build);
      expect.soft(exitCode === 0 ? "open" : "closed", said).toBe(cause.door);
    }
  } finally {
    await cause.mend(stage);
  }
  const mendedMs = Date.now();
  const after = await well(stage, usual);
  noted(cause, newOnes(after.troubles, troublesBefore));
  return { namedMs, clearedMs: Date.now() - mendedMs };
}

async function untilNamed(stage: Stage, { check: name, says }: Cause): Promise<StatusReport> {
  let last: StatusReport | undefined;
  const isNamed = async (): Promise<StatusReport | undefined> => {
    const now = await report(stage);
    last = now ?? last;
    if (now === undefined) return undefined;
    const { ok, causedBy, message } = checkOf(now, name);
    return !ok && causedBy === undefined && says.test(message) ? now : undefined;
  };
  return eventually(`${name} is named`, isNamed, paced(NAMED_OF_SILENCE_MS) * 2).catch((cause: unknown) => {
    throw new Error(`${name} was not named; the last that was seen:\n${shown(last)}`, { cause });
  });
}

function shown(last: StatusReport | undefined): string {
  const lines = last?.checks.map(
    ({ name, state, causedBy, message }) => `${name} ${state} ${causedBy ?? ""}: ${message}`,
  );
  return lines?.join("\n") ?? "nobody answered";
}

/** As one cause, in both views, with what to do about it. */
async function seen(stage: Stage, cause: Cause, named: StatusReport, usual: readonly string[]): Promise<void> {
  const { check: name, severity, explains = [], remedy, command } = cause;
  const told = checkOf(named, name);
  expect.soft(told).toMatchObject({ severity, remedy: expect.stringMatching(remedy) as string });
  expect.soft(rootsOf(named).filter((root) => !usual.includes(root))).toEqual([name]);
  for (const other of explains) expect.soft(checkOf(named, other), other).toMatchObject({ ok: false });
  expect.soft(named.ready).toBe(severity === "warning");
  if (severity === "blocking")
    expect.soft(named.notReadyBecause).toEqual([expect.stringMatching(new RegExp(`^${name}: `))]);
  const { exitCode, said } = await stage.status();
  expect.soft(exitCode, said).toBe(severity === "blocking" ? 1 : 0);
  const mark = severity === "blocking" ? "-" : "!";
  expect.soft(said).toMatch(new RegExp(`^\\[[${mark}?]\\] +${name} `, "m"));
  expect.soft(await readFile(inTree("docs/runbook.md"), "utf8")).toMatch(new RegExp(`^## ${name}$`, "m"));
  if (command === undefined) return;
  expect.soft(told.remedy).toContain(`builder-agent ${command}`);
  const ran = stage.vm === undefined ? await stage.ask(command) : await stage.askWithin(stage.vm, command);
  expect.soft(ran.exitCode, ran.said).not.toBe(USAGE);
}

function newOnes(after: readonly ToldTrouble[], before: readonly ToldTrouble[]): readonly ToldTrouble[] {
  const known = new Set(before.map(({ is, what, sinceMs, times }) => `${is} ${what} ${sinceMs} ${times}`));
  return after.filter(({ is, what, sinceMs, times }) => !known.has(`${is} ${what} ${sinceMs} ${times}`));
}

/** It is over, and was one trouble. */
function noted({ check, ends = [] }: Cause, troubles: readonly ToldTrouble[]): void {
  const shownAs = troubles.map(({ is, what, untilMs }) => `${is} ${what}${untilMs === undefined ? ", still" : ""}`);
  const wanted = ends.length > 0 ? ends.map((what) => `process-ended ${what}`) : [`check-failed ${check}`];
  expect.soft(shownAs.toSorted()).toEqual(wanted.toSorted());
}
