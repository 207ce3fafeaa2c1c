import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { Rig } from "./rig.ts";
import { answers } from "./visit.ts";

/**
 * Each refusal is a line; a socket's buffer holds some 300 of them. The gateway writes at most 100
 * a second.
 */
const STRANGERS = 600;
const AT_ONCE = 20;
/** An echo over loopback, on a busy machine. */
const PROMPT_MS = 10_000;

it("strangers fill the log of a gateway whose reader stalls: builds go on, and a new one gets in", async () => {
  await using rig = await Rig.start({ asProcess: true, logReader: "stalled" });
  const build = rig.connect(await rig.open("b1"));
  expect(await answers(build)).toBe(true);
  for (let refused = 0; refused < STRANGERS; refused += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => isTurnedAway(rig.connect())));
    expect(await echoMs(build)).toBeLessThan(PROMPT_MS);
    await new Promise((resolve) => setTimeout(resolve, (AT_ONCE / 100) * 1_000));
  }
  expect(await answers(rig.connect(await rig.open("b2")))).toBe(true);
});

async function isTurnedAway(stranger: TLSSocket): Promise<void> {
  if (await answers(stranger)) throw new Error("A stranger was let in");
}

async function echoMs(build: TLSSocket): Promise<number> {
  const began = performance.now();
  const echo = once(build, "data", { signal: AbortSignal.timeout(30_000) });
  build.write("?");
  await echo;
  return performance.now() - began;
}
