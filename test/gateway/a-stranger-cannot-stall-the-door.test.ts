import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, it } from "vitest";
import { attack, type CostlyChain, costlyChain } from "./costly-chains.ts";
import { grantFor, Rig } from "./rig.ts";
import { answers } from "./visit.ts";

const ATTACK_MS = 5_000;
const CUTS = 40;
/**
 * What an innocent session may wait at most, for its answer or for its cut: twice the promise, for
 * a machine that is busy. It was 1 to 4 s.
 */
const WORST_MS = 1_000;

/** Some 40 KB, 10 KB and 2.5 KB. */
const LINKS = { long: 90, fitting: 24, short: 6 };
let chains: Readonly<Record<keyof typeof LINKS, CostlyChain>>;

beforeAll(async () => {
  const [long, fitting, short] = await Promise.all(Object.values(LINKS).map(costlyChain));
  if (!long || !fitting || !short) throw new Error("no chains");
  chains = { long, fitting, short };
});

describe("24 connections at a time with costly chains, as fast as they can", () => {
  it.for([
    { chain: "long", from: "127.0.0.2", whose: "a stranger's" },
    { chain: "long", from: "127.0.0.1", whose: "the innocent session's own" },
    { chain: "fitting", from: "127.0.0.2", whose: "a stranger's" },
    { chain: "fitting", from: "127.0.0.1", whose: "the innocent session's own" },
    { chain: "short", from: "127.0.0.2", whose: "a stranger's" },
    { chain: "fitting", from: "any", whose: "a new stranger's each time," },
  ] as const)(
    "$chain ones, from $whose address: sessions answer, and are cut in time",
    { timeout: 60_000 },
    async ({ chain, from }, { annotate }) => {
      await using rig = await Rig.start({ asProcess: true });
      const builds = ["innocent", ...Array.from({ length: CUTS }, (_, each) => `cut-${each}`)];
      await rig.allow({ grants: new Map(builds.map((buildId) => [buildId, grantFor(buildId)])) });
      const [innocent, ...doomed] = await opened(rig, builds);
      if (innocent === undefined) throw new Error("no session");

      await using attackers = attack(rig.port, from, 24, chains[chain]);
      const untilMs = performance.now() + ATTACK_MS;
      const [roundTripsMs, cutsMs] = await Promise.all([roundTrips(innocent, untilMs), cuts(rig, doomed)]);
      const [worstMs, slowCutMs] = [roundTripsMs.at(-1) ?? 0, cutsMs.at(-1) ?? 0];
      await annotate(
        `${await attackers.handshakes} connections; round trips: ${roundTripsMs.length}, worst ${worstMs.toFixed(0)} ms; ` +
          `cuts: worst ${slowCutMs.toFixed(0)} ms`,
      );
      expect(worstMs).toBeLessThan(WORST_MS);
      expect(slowCutMs).toBeLessThan(WORST_MS);
    },
  );
});

async function opened(rig: Rig, builds: readonly string[]): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  for (const buildId of builds) {
    const socket = rig.connect(await rig.issue(buildId));
    expect(await answers(socket)).toBe(true);
    sockets.push(socket);
  }
  return sockets;
}

/** In order of their length. */
async function roundTrips(session: TLSSocket, untilMs: number): Promise<readonly number[]> {
  const tookMs: number[] = [];
  while (performance.now() < untilMs) {
    const askedMs = performance.now();
    const answer = once(session, "data");
    session.write("?");
    await answer;
    tookMs.push(performance.now() - askedMs);
    await sleep(3);
  }
  return tookMs.toSorted((one, other) => one - other);
}

/** One after the other, from the order to the client's end of it. */
async function cuts(rig: Rig, sessions: readonly TLSSocket[]): Promise<readonly number[]> {
  const tookMs: number[] = [];
  for (const [each, session] of sessions.entries()) {
    const orderedMs = performance.now();
    rig.send({ grants: rig.grantsWithout(`cut-${each}`), closed: new Map([[`cut-${each}`, "revoked"]]) });
    await new Promise((resolve) => session.once("close", resolve));
    tookMs.push(performance.now() - orderedMs);
    await sleep(ATTACK_MS / CUTS / 2);
  }
  return tookMs.toSorted((one, other) => one - other);
}
