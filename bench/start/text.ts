import { median } from "../report/statistics.ts";
import { aligned } from "../report/table.ts";
import type { Boot } from "./boot/chapters.ts";
import type { Opened } from "./open/open-builds.ts";
import type { Spent } from "./open/spent.ts";
import type { Bar, StartResult } from "./result.ts";
import type { FormattedVolume } from "./volume/format-volumes.ts";

const [OWN_BAR_MS, TOTAL_BAR_MS, NODE_STARTS_BAR, OPEN_BAR_MS, CUT_BAR_MS] = [500, 1_000, 3, 50, 250] as const;

/** What is printed, and stands in docs/reliability.md: Markdown. */
export function startText({ boots, opened, volumes }: StartResult): string {
  const bars = barsOf(boots, opened).map(({ text, measured, holds }) => [
    text,
    measured.toFixed(0),
    holds ? "holds" : "DOES NOT HOLD",
  ]);
  return [
    ...(boots === undefined ? [] : [bootTable(boots), processorTable(boots), nodeTable(boots)]),
    ...(opened === undefined ? [] : [openTable(opened)]),
    ...(volumes === undefined ? [] : [volumeTable(volumes)]),
    ...(bars.length === 0 ? [] : [aligned([["bar", "measured", ""], ...bars])]),
  ].join("\n\n");
}

/** Each chapter's medians over the boots; it may overlap with others. */
function bootTable(boots: readonly Boot[]): string {
  const names = boots[0]?.chapters.map(({ name }) => name) ?? [];
  const rows = names.map((name, at) => {
    const nth = names.slice(0, at).filter((other) => other === name).length;
    const found = boots.flatMap(({ chapters }) => chapters.filter((one) => one.name === name)[nth] ?? []);
    return [name, whole(found.map(({ beganMs }) => beganMs)), whole(found.map(({ tookMs }) => tookMs))];
  });
  const spread = (of: (boot: Boot) => number): readonly string[] => {
    const all = boots.map(of);
    return [whole(all), `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`];
  };
  return [
    aligned([
      [`of ${boots.length} boots`, "median, ms", "least to most, ms"],
      ["first unit to ready, with BuildKit", ...spread(({ totalMs }) => totalMs)],
      ["– without BuildKit and format", ...spread(({ ownMs }) => ownMs)],
    ]),
    aligned([["chapter, of which some run beside each other", "began, ms", "took, ms"], ...rows]),
  ].join("\n\n");
}

/** Unlike the rest, much the same on a busy machine. */
function processorTable(boots: readonly Boot[]): string {
  const parts = boots[0]?.processor.map(({ part }) => part) ?? [];
  const took = (name: string): string =>
    whole(boots.flatMap(({ processor }) => processor.filter(({ part }) => part === name).map(({ tookMs }) => tookMs)));
  return aligned([
    ["processor time, from the machine's first process to ready", "ms of a core"],
    ...parts.map((part) => [part, took(part)]),
  ]);
}

function nodeTable(boots: readonly Boot[]): string {
  const names = [...new Set(boots.flatMap(({ nodeStarts }) => nodeStarts.map(({ command }) => command)))];
  const counted = (name: string, onPathOnly: boolean): string =>
    whole(
      boots.map(
        ({ nodeStarts }) => nodeStarts.filter((one) => one.command === name && (one.onPath || !onPathOnly)).length,
      ),
    );
  const all = (onPathOnly: boolean): string =>
    whole(boots.map(({ nodeStarts }) => nodeStarts.filter(({ onPath }) => onPath || !onPathOnly).length));
  return aligned([
    ["Node processes before ready", "started", "waited for"],
    ...names.map((name) => [`builder-agent ${name}`, counted(name, false), counted(name, true)]),
    ["all", all(false), all(true)],
  ]);
}

function openTable(opened: readonly Opened[]): string {
  const spread = (all: readonly number[]): string => `${median(all).toFixed(1)} (${percentile(all, 99).toFixed(1)})`;
  const each = (all: readonly Spent[], of: keyof Spent): string => median(all.map((spent) => spent[of])).toFixed(2);
  return [
    aligned([
      [
        "a build is opened: median (p99), ms",
        "builds",
        "the machine says so",
        "OpenBuild answers",
        "the dial alone",
        "first frame of BuildKit",
      ],
      ...opened.map(({ how, builds }) => [
        how,
        String(builds.length),
        spread(builds.map(({ saidMs }) => saidMs)),
        spread(builds.map(({ answeredMs }) => answeredMs)),
        spread(builds.map(({ dialMs }) => dialMs)),
        spread(builds.map(({ answeredMs, dialMs }) => answeredMs + dialMs)),
      ]),
    ]),
    aligned([
      ["a build is ended: median (p99), ms", "builds", "its session is cut"],
      ...opened.map(({ how, cutMs }) => [how, String(cutMs.length), spread(cutMs)]),
    ]),
    aligned([
      ["processor time for each, median, ms", "control", "gateway", "the bench's control plane"],
      ...opened.flatMap(({ how, opening, ending }) => [
        [`opened, ${how}`, each(opening, "control"), each(opening, "gateway"), each(opening, "plane")],
        [`ended, ${how}`, each(ending, "control"), each(ending, "gateway"), each(ending, "plane")],
      ]),
    ]),
  ].join("\n\n");
}

function volumeTable(volumes: readonly FormattedVolume[]): string {
  return aligned([
    ["a new volume", "luksFormat, ms", "unlock, ms", "mkfs, ms", "mkfs wrote, MB", "mount, ms"],
    ...volumes.map(({ filesystem, kind, sizeGb, luksFormatMs, unlockMs, mkfsMs, mkfsWroteMb, mountMs }) => [
      `${filesystem}, ${sizeGb} GB, ${kind}`,
      ...[luksFormatMs, unlockMs, mkfsMs, mkfsWroteMb, mountMs].map((figure) => figure.toFixed(0)),
    ]),
  ]);
}

/** What was aimed at; only of what was measured. */
export function barsOf(boots: readonly Boot[] | undefined, opened: readonly Opened[] | undefined): readonly Bar[] {
  const bar = (text: string, measured: number, most: number): Bar => ({ text, measured, holds: measured <= most });
  return [
    ...(boots === undefined
      ? []
      : [
          bar(
            `without BuildKit and format at most ${OWN_BAR_MS} ms`,
            median(boots.map(({ ownMs }) => ownMs)),
            OWN_BAR_MS,
          ),
          bar(`with BuildKit at most ${TOTAL_BAR_MS} ms`, median(boots.map(({ totalMs }) => totalMs)), TOTAL_BAR_MS),
          bar(
            `at most ${NODE_STARTS_BAR} Node processes waited for`,
            median(boots.map(({ nodeStarts }) => nodeStarts.filter(({ onPath }) => onPath).length)),
            NODE_STARTS_BAR,
          ),
        ]),
    ...(opened ?? []).flatMap(({ how, builds, cutMs }) => [
      bar(
        `${how}: the machine lets a build in within ${OPEN_BAR_MS} ms, p99`,
        percentile(
          builds.map(({ saidMs }) => saidMs),
          99,
        ),
        OPEN_BAR_MS,
      ),
      bar(`${how}: an ended build's session is cut within ${CUT_BAR_MS} ms, each`, Math.max(...cutMs), CUT_BAR_MS),
    ]),
  ];
}

/** The nearest rank. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

function whole(values: readonly number[]): string {
  return median(values).toFixed(0);
}
