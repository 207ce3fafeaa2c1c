import { expect, it } from "vitest";
import type { Measure } from "../../bench/measures/measure.ts";
import { runRounds } from "../../bench/rounds.ts";
import type { Subject, SubjectName } from "../../bench/subjects/subject.ts";

function subject(name: SubjectName): Subject {
  return { name, address: "127.0.0.1:1", [Symbol.asyncDispose]: () => Promise.resolve() };
}

const SUBJECTS = [subject("gateway"), subject("haproxy"), subject("nginx")];

/** Runs with a measure that only notes who came when. */
async function walk(effort: { readonly rounds: number; readonly budgetMs: number }, signal: AbortSignal) {
  const order: string[] = [];
  const measure: Measure = {
    group: "throughput",
    name: "bulk up",
    behind: "far-end",
    run: ({ name }) => {
      order.push(name);
      return Promise.resolve({ bulkUp: 1 });
    },
  };
  const lineups = { "far-end": SUBJECTS, buildkitd: [] };
  const startedMs = performance.now();
  const samples = await runRounds({ measures: [measure], lineups, effort, startedMs, signal, told: () => undefined });
  return { order, samples };
}

it("lets another subject go first in each round, and does not count the warm-up", async () => {
  const { order, samples } = await walk({ rounds: 2, budgetMs: 60_000 }, new AbortController().signal);
  expect(order).toEqual([
    ...["gateway", "haproxy", "nginx"],
    ...["haproxy", "nginx", "gateway"],
    ...["nginx", "gateway", "haproxy"],
  ]);
  expect(samples.map(({ round, subject }) => `${round} ${subject}`)).toEqual([
    ...["1 haproxy", "1 nginx", "1 gateway"],
    ...["2 nginx", "2 gateway", "2 haproxy"],
  ]);
});

it("begins no round that its time does not allow", async () => {
  const { samples } = await walk({ rounds: 50, budgetMs: -1 }, new AbortController().signal);
  expect(samples).toEqual([]);
});

it("stops between two measurements when it is told to", async () => {
  await expect(walk({ rounds: 1, budgetMs: 60_000 }, AbortSignal.abort())).rejects.toThrow("aborted");
});
