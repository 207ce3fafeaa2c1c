import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { allIsWell } from "./stage/all-is-well.ts";
import { machineWithAWay } from "./stage/machine-with-a-way.ts";
import type { Mood } from "./stage/way.ts";

const { way, stage } = await machineWithAWay();

const LASTS_MS = 2_000;
const FLAPS_EVERY_MS = 250;

const FAULTS: readonly { readonly what: string; readonly mood: Mood; readonly flaps?: true }[] = [
  { what: "is gone", mood: { is: "gone" } },
  { what: "says nothing, on connections that stay", mood: { is: "silent" } },
  { what: "answers nonsense", mood: { is: "answering", bytes: randomBytes(2_000) } },
  {
    what: "is hidden by a proxy that answers 503 without TLS",
    mood: { is: "answering", bytes: Buffer.from("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n") },
  },
  { what: "is cut off again and again", mood: { is: "open" }, flaps: true },
];

it.each(FAULTS)(
  "a build goes on while the control plane $what; then the machine is attached by itself, and the next passes",
  async (fault) => {
    const { plane } = stage();
    const build = await stage().openBuild();
    await using held = await stage().holdBuild(build);
    const { attaches } = stage().machine;

    await way.turn(fault.mood);
    for (const overMs = performance.now() + LASTS_MS; performance.now() < overMs; await sleep(FLAPS_EVERY_MS))
      if (fault.flaps) way.cut();
    // The gateway decides by what it knows.
    expect((await stage().askWorkers(build)).exitCode).toBe(0);
    await way.turn({ is: "open" });

    const isBack = (): boolean => stage().machine.attaches > attaches && stage().machine.link !== undefined;
    await plane.until(isBack, { what: "control to be attached again", deadlineMs: 45_000 });
    await using next = await stage().holdBuild(await stage().openBuild());
    await next.finish();
    await held.finish();
    await allIsWell(stage());
  },
);

it("a build is opened, goes through and is ended while each word to and fro takes half a second", async () => {
  await way.turn({ is: "slow", byMs: 500 });
  const { attaches } = stage().machine;
  const build = await stage().openBuild();
  await using held = await stage().holdBuild(build);
  await held.finish();
  await stage().plane.endBuild(build.buildId).applied();
  expect(stage().machine.attaches).toBe(attaches);
  await way.turn({ is: "open" });
  await allIsWell(stage());
});
