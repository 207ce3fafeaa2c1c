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
export const NAMED_MS = 10_000;
const NAMED_OF_SILENCE_MS = 20_000;
/** Far more than any recovery here takes. */
const CLEARED_MS = 45_000;
/** sysexits: the words are no command. */
const USAGE = 64;

/** What is wrong with a machine that is ready, and keeps nobody out. */
export async function usualOf(stage: Stage): Promise<readonly string[]> {
  const isReady = async (): Promise<StatusReport | undefined> => {
    const now = await report(stage);
    return now?.ready === true ? now : undefined;
  };
  return rootsOf(await eventually("the machine is ready", isReady, paced(CLEARED_MS)));
}

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
 * Brings causes about, sees each named in time, as what it is and with what to do, and its end,
 * after it was mended. Gives how long it took for each to be named, and for all to be cleared.
 */
export async function nameCauses(
  stage: Stage,
  causes: readonly Cause[],
  { usual, build }: { readonly usual: readonly string[]; readonly build: OpenedBuildFiles },
): Promise<{ readonly namedMs: readonly number[]; readonly clearedMs: number }> {
  const troublesBefore = (await well(stage, usual)).troubles;
  const roots = causes.map(({ check }) => check);
  const namedMs: number[] = [];
  try {
    await Promise.all(
      causes.map(async (cause, index) => {
        const broughtMs = Date.now();
        await cause.bring(stage);
        await untilNamed(stage, cause);
        namedMs[index] = Date.now() - broughtMs;
        const limitMs = paced(cause.isSilence ? NAMED_OF_SILENCE_MS : NAMED_MS);
        expect.soft(namedMs[index], `ms until ${cause.check} was named`).toBeLessThan(limitMs);
      }),
    );
    for (const cause of causes) await seen(stage, cause, [...usual, ...roots]);
    const closed = causes.map(({ door }) => door);
    if (!closed.includes("nobody answers")) {
      const { exitCode, said } = await stage.askWorkers(build);
      expect.soft(exitCode === 0 ? "open" : "closed", said).toBe(closed.includes("closed") ? "closed" : "open");
    }
  } finally {
    for (const cause of causes) await cause.mend(stage);
  }
  const mendedMs = Date.now();
  const after = await well(stage, usual);
  noted(causes, newOnes(after.troubles, troublesBefore));
  return { namedMs, clearedMs: Date.now() - mendedMs };
}

/** Looks until it is. @throws {Error} with what was seen instead. */
export async function untilNamed(stage: Stage, { check: name, says }: Cause): Promise<StatusReport> {
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
export async function seen(stage: Stage, cause: Cause, roots: readonly string[]): Promise<void> {
  const { check: name, severity, explains = [], remedy, command } = cause;
  const { exitCode, said } = await stage.status();
  const named = await eventually("status", () => report(stage));
  const told = checkOf(named, name);
  const isBlocking = severity === "blocking";
  expect.soft(told).toMatchObject({ ok: false, severity, remedy: expect.stringMatching(remedy) as string });
  expect
    .soft(
      rootsOf(named).filter((root) => !roots.includes(root)),
      "causes that are none",
    )
    .toEqual([]);
  for (const other of explains) expect.soft(checkOf(named, other), other).toMatchObject({ ok: false });
  if (isBlocking) {
    expect.soft(exitCode, said).toBe(1);
    expect.soft(named.notReadyBecause.filter((reason) => reason.startsWith(`${name}: `))).toHaveLength(1);
  }
  const line = new RegExp(`^\\[[${isBlocking ? "-" : "!"}?]\\] +${name} .*\n(?: {4}.*\n)*? +do: `, "m");
  expect.soft(said).toMatch(line);
  expect.soft(told.remedy).not.toBe("");
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

/** Each is over, and was one trouble. */
function noted(causes: readonly Cause[], troubles: readonly ToldTrouble[]): void {
  const shownAs = troubles.map(({ is, what, untilMs }) => `${is} ${what}${untilMs === undefined ? ", still" : ""}`);
  const wanted = causes.flatMap(({ check, troubles: also }) => also ?? [`check-failed ${check}`]);
  expect.soft(shownAs.toSorted()).toEqual(wanted.toSorted());
}
