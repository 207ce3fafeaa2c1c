import { BenchFailed } from "../../failure.ts";
import type { BootRecord, SeenEvent, SeenProgram } from "./boot-record.ts";
import type { ProcessorTime } from "./processor-time.ts";

const CONTROL = "builder-agent-control.service";
const GATEWAY = "builder-agent-gateway.service";
const BUILDKIT = "buildkitd.service";

/** Since the agent's first unit. */
export interface Chapter {
  readonly name: string;
  readonly beganMs: number;
  readonly tookMs: number;
}

/** Where one boot's time went. */
export interface Boot {
  /** From the agent's first unit to ready: what somebody waits for. */
  readonly totalMs: number;
  /** Less all from BuildKit's program until it has been tried: its network, and a first step. */
  readonly ownMs: number;
  readonly chapters: readonly Chapter[];
  readonly processor: readonly ProcessorTime[];
  /** Node processes that began before ready, as they were started; each with its unit. */
  readonly nodeStarts: readonly NodeStart[];
}

export interface NodeStart {
  /** "network serve", in builder-agent's words. */
  readonly command: string;
  /** One that nothing waits for: it ended long before, or others took longer beside it. */
  readonly onPath: boolean;
  readonly beganMs: number;
  readonly tookMs: number;
}

/**
 * What the boot took, chapter by chapter. @throws {BenchFailed} If the record lacks one of those
 * that every boot has.
 */
export function boot(record: BootRecord): Boot {
  const first = Math.min(...record.units.map(({ startedMs }) => startedMs));
  const ready = event(record, CONTROL, "agent.ready");
  const program = firstProgram(record, BUILDKIT, isBuildkit);
  const stepMs = event(record, CONTROL, "buildkit.step-ran").atMs;
  const networkMs = event(record, CONTROL, "buildkit.ready").atMs;
  const since = (ms: number): number => ms - first;
  const span = (name: string, fromMs: number, toMs: number): Chapter => ({
    name,
    beganMs: since(fromMs),
    tookMs: toMs - fromMs,
  });
  const control = firstProgram(record, CONTROL, isNode);
  const gateway = firstProgram(record, GATEWAY, isNode);
  const own = (ready.chapters ?? []).map(({ name, beganMs, tookMs }) =>
    span(`control: ${name}`, control.atMs + beganMs, control.atMs + beganMs + tookMs),
  );
  const begins = (unit: string): number => unitOf(record, unit).startedMs;
  const isUp = (unit: string): number => unitOf(record, unit).activeMs ?? Number.NaN;
  return {
    totalMs: since(ready.atMs),
    ownMs: since(ready.atMs) - (Math.max(stepMs, networkMs) - program.atMs),
    chapters: [
      span("control: unit to its process", begins(CONTROL), control.atMs),
      span("control: process to up", control.atMs, isUp(CONTROL)),
      span("gateway: unit to its process", begins(GATEWAY), gateway.atMs),
      span("gateway: process to listening", gateway.atMs, event(record, GATEWAY, "gateway.listening").atMs),
      span(
        "first certificate, since control was up",
        isUp(CONTROL),
        event(record, CONTROL, "identity.registered").atMs,
      ),
      ...own,
      ...nodeSpans(record, ready.atMs).map(({ words, atMs, endedMs = Number.NaN }) =>
        span(`${commandOf(words)}: process to its end`, atMs, endedMs),
      ),
      span("BuildKit: unit to its program", begins(BUILDKIT), program.atMs),
      span("BuildKit: program to serving", program.atMs, isUp(BUILDKIT)),
      span("BuildKit: its network tried", isUp(BUILDKIT), networkMs),
      span("BuildKit: its first step", isUp(BUILDKIT), stepMs),
    ],
    processor: record.processor,
    nodeStarts: nodeStarts(record, ready.atMs, since),
  };
}

/** Those that do one thing and end; in their order. */
function nodeSpans(record: BootRecord, readyMs: number): readonly SeenProgram[] {
  return nodesBefore(record, readyMs).filter(({ endedMs }) => endedMs !== undefined && endedMs < readyMs);
}

/**
 * The path, backwards from ready: whatever ended last before a moment was waited for until then.
 * Control and the gateway live on, and are on it always: no build comes in without them.
 */
function nodeStarts(record: BootRecord, readyMs: number, since: (ms: number) => number): readonly NodeStart[] {
  const starts = nodesBefore(record, readyMs);
  const onPath = new Set<SeenProgram>(starts.filter(({ endedMs }) => endedMs === undefined));
  const short = starts.flatMap((start) =>
    start.endedMs === undefined
      ? []
      : [{ starts: [start], fromMs: start.atMs, toMs: Math.min(start.endedMs, readyMs) }],
  );
  const appliedMs = event(record, CONTROL, "network.applied").atMs;
  const spans: readonly Span[] = [
    ...short,
    // Who applies the first order goes on to try it: what waits for the order waits until here.
    ...short
      .filter(({ starts: [start], toMs }) => toMs > appliedMs && isNetwork(start))
      .map((span) => ({ ...span, toMs: appliedMs })),
    buildkitSpan(record, starts),
  ];
  for (let atMs = readyMs; ; ) {
    const last = spans.filter(({ toMs }) => toMs <= atMs).toSorted((a, b) => b.toMs - a.toMs)[0];
    if (last === undefined) break;
    for (const start of last.starts) onPath.add(start);
    atMs = last.fromMs;
  }
  return starts.map((start) => ({
    command: commandOf(start.words),
    onPath: onPath.has(start),
    beganMs: since(start.atMs),
    tookMs: Math.min(start.endedMs ?? readyMs, readyMs) - start.atMs,
  }));
}

/** From what its unit prepares it with, one after the other, to its first step. */
function buildkitSpan(record: BootRecord, nodes: readonly SeenProgram[]): Span {
  const { atMs } = firstProgram(record, BUILDKIT, isBuildkit);
  const starts = nodes.filter(({ unit, endedMs }) => unit === BUILDKIT && endedMs !== undefined && endedMs <= atMs);
  const fromMs = Math.min(atMs, ...starts.map((start) => start.atMs));
  return { starts, fromMs, toMs: event(record, CONTROL, "buildkit.step-ran").atMs };
}

interface Span {
  readonly starts: readonly SeenProgram[];
  readonly fromMs: number;
  readonly toMs: number;
}

function nodesBefore({ programs }: BootRecord, readyMs: number): readonly SeenProgram[] {
  return programs.filter((program) => isNode(program) && program.atMs < readyMs);
}

function isNode({ words: [program = ""] }: SeenProgram): boolean {
  return program.endsWith("/node");
}

function isNetwork(start: SeenProgram | undefined): boolean {
  return start !== undefined && commandOf(start.words) === "network serve";
}

function isBuildkit({ words: [program = ""] }: SeenProgram): boolean {
  return program.endsWith("/buildkitd");
}

/** What follows the agent's own file, without flags. */
function commandOf(words: readonly string[]): string {
  const own = words.slice(words.findIndex((word) => word.endsWith("main.js")) + 1);
  const flag = own.findIndex((word) => word.startsWith("-"));
  return own.slice(0, flag < 0 ? undefined : flag).join(" ");
}

function event({ events }: BootRecord, unit: string, name: string): SeenEvent {
  const found = events.find((one) => one.unit === unit && one.event === name);
  if (found === undefined) throw new BenchFailed(`${unit} never said "${name}" in this boot.`);
  return found;
}

function firstProgram(record: BootRecord, unit: string, is: (program: SeenProgram) => boolean): SeenProgram {
  const found = record.programs.find((program) => program.unit === unit && is(program));
  if (found === undefined) throw new BenchFailed(`${unit} never executed its program in this boot.`);
  return found;
}

function unitOf({ units }: BootRecord, name: string) {
  const found = units.find((unit) => unit.name === name);
  if (found === undefined) throw new BenchFailed(`${name} never started in this boot.`);
  return found;
}
