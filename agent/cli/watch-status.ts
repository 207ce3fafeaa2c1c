import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../core/errors.ts";
import { plainLines } from "../core/plain-words.ts";
import { eitherOf } from "../lifecycle/deadline.ts";
import type { Told } from "./ask-either.ts";
import type { Cli } from "./cli.ts";
import { describeFailure, failureJson } from "./describe-failure.ts";
import { fitted, painter, printJsonLine } from "./printing.ts";
import { statusTable } from "./status-table.ts";

/** Home, and from there on nothing that was written before. */
const HOME = "\u001B[H";
const REST_OF_LINE = "\u001B[K";
const REST_OF_SCREEN = "\u001B[J";
const WHOLE_SCREEN = "\u001B[2J";

/**
 * Asks again and again until somebody stops it or nobody reads any more. On a terminal each answer
 * takes the place of the one before; elsewhere each is one line. An agent that does not answer is
 * an answer, too.
 */
export async function watchStatus(
  ask: (stop: AbortSignal) => Promise<Told>,
  { intervalMs, json }: { readonly intervalMs: number; readonly json: boolean },
  cli: Cli,
): Promise<void> {
  const { output } = cli;
  const over = eitherOf(cli.stop, output.unread);
  const isScreen = output.columns !== undefined && !json;
  if (isScreen) output.draw(WHOLE_SCREEN);
  while (!over.aborted) {
    const round = await oneRound(ask, over);
    if (round === undefined) break;
    if (json) printJsonLine(output, jsonOf(round));
    else if (isScreen) output.draw(screenOf(round, intervalMs, cli));
    else output.out(`${new Date().toISOString()} ${inOneLine(round)}\n`);
    await sleep(intervalMs, undefined, { signal: over }).catch(() => undefined);
  }
  if (isScreen) output.out("\n");
}

type Round = Told | AgentError;

async function oneRound(ask: (stop: AbortSignal) => Promise<Told>, over: AbortSignal): Promise<Round | undefined> {
  try {
    return await ask(over);
  } catch (failure) {
    if (over.aborted) return undefined;
    if (failure instanceof AgentError) return failure;
    throw failure;
  }
}

function jsonOf(round: Round): Readonly<Record<string, unknown>> {
  if (round instanceof AgentError) return { ready: false, error: failureJson(round) };
  const { status } = round;
  return status.is === "told" ? status.whole : { ready: false, notReadyBecause: [status.because] };
}

/** For a pipe or a file. */
function inOneLine(round: Round): string {
  if (round instanceof AgentError) return `no answer: ${round.message}`;
  const { status } = round;
  if (status.is === "too-early") return `not ready: ${status.because}`;
  const { ready, notReadyBecause, phase, builds } = status.answer;
  const sessions = Object.values(builds).reduce((sum, count) => sum + count, 0);
  const open = `${sessions} ${sessions === 1 ? "session" : "sessions"} open`;
  return ready ? `ready, ${open}` : `not ready (${phase.at}), ${open}: ${notReadyBecause.join("; ")}`;
}

function screenOf(round: Round, intervalMs: number, { output }: Cli): string {
  const head = `${new Date().toISOString().slice(0, 19)}Z, every ${intervalMs / 1000} s, Ctrl-C ends it`;
  const whole = `${head}\n\n${textOf(round, painter(output.colours.out)).trimEnd()}`;
  const lines = fitted(plainLines(whole), output.columns ?? Number.POSITIVE_INFINITY);
  const rows = output.rows ?? lines.length;
  const shown =
    lines.length < rows ? lines : [...lines.slice(0, Math.max(1, rows - 2)), "… (more than this terminal shows)"];
  return `${HOME}${shown.map((line) => `${line}${REST_OF_LINE}`).join("\n")}${REST_OF_SCREEN}`;
}

function textOf(round: Round, paint: ReturnType<typeof painter>): string {
  if (round instanceof AgentError) return `${paint("red", "no answer")}\n${describeFailure(round, false)}`;
  const { status } = round;
  if (status.is === "too-early") return `${paint("red", "not ready")}\n  ${status.because}`;
  return statusTable(status.answer, Date.now(), paint);
}
