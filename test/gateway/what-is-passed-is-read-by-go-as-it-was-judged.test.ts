import { afterAll, beforeAll, expect, it } from "vitest";
import { bytesOf, clientSession } from "./http2/client-session.ts";
import { Dice } from "./http2/dice.ts";
import { difference, trespass } from "./http2/differences.ts";
import { GoReader, huffmanCodes } from "./http2/go-reader.ts";
import { heapBytes } from "./http2/heap.ts";
import { guarded, recorded } from "./http2/judged.ts";
import { mutated } from "./http2/mutations.ts";

/** Three thousand every day: some seconds. `npm run test:frames` takes a hundred thousand. */
const STREAMS = Number(process.env["BUILDER_AGENT_FRAMES"] || 3_000);
/** Each stream has its own: a failure names the one that shows it again. */
const SEED = Number(process.env["BUILDER_AGENT_FRAMES_SEED"] || Date.now() % 2 ** 31);
const AT_ONCE = 100;
/** Ten times what one took on a busy machine. */
const DEADLINE_MS = 60_000 + STREAMS * 20;
/** The last batch and compiled code are 20 MB; a kilobyte of each of 100,000 streams would show. */
const GROWTH_MAX_BYTES = 64 * 1024 * 1024;

let go: GoReader;
let codes: readonly string[];

beforeAll(async () => {
  go = new GoReader();
  codes = await huffmanCodes();
});
afterAll(() => go[Symbol.asyncDispose]());

interface Stream {
  readonly seed: number;
  readonly isStock: boolean;
  readonly bytes: Buffer;
  readonly chunks: readonly Buffer[];
}

function stream(seed: number): Stream {
  const dice = new Dice(seed);
  const isStock = dice.chance(0.1);
  const odd = isStock ? 0 : dice.pick([0, 0.02, 0.1, 0.3]);
  const frames = clientSession({ dice, odd, codes });
  const others = clientSession({ dice, odd, codes });
  const bytes = isStock ? bytesOf(frames) : mutated(dice, frames, others);
  return { seed, isStock, bytes, chunks: dice.pieces(bytes, dice.pick([1, 4, 40])) };
}

it(
  "however a stream is mutated: no call reaches it that was not judged, no name, and nothing crashes",
  async ({ annotate }) => {
    const tally = { calls: 0, names: 0, refused: 0, unsound: 0, cutByGo: 0 };
    const startedMs = performance.now();
    let warmBytes = 0;
    for (let done = 0; done < STREAMS; done += AT_ONCE) {
      const streams = Array.from({ length: AT_ONCE }, (_, at) => stream(SEED + done + at));
      const all = streams.map((each) => ({ ...each, recorded: recorded(each.chunks), guarded: guarded(each.chunks) }));
      const read = await go.read(all.flatMap((each) => [each.recorded.toBuildkit, each.guarded.toBuildkit]));
      for (const [at, each] of all.entries()) {
        const [ofRecorded, ofGuarded] = [read[at * 2], read[at * 2 + 1]];
        if (ofRecorded === undefined || ofGuarded === undefined) throw new Error("an answer is missing");
        const whole = guarded([each.bytes]);
        const because =
          difference(each.recorded, ofRecorded) ??
          trespass(each.guarded, ofGuarded) ??
          (each.isStock && each.guarded.unsound !== undefined ? `stock, and ${each.guarded.unsound}` : undefined) ??
          (whole.toBuildkit.equals(each.guarded.toBuildkit) ? undefined : "chunks decide what passes");
        if (because !== undefined)
          throw new Error(`BUILDER_AGENT_FRAMES_SEED=${each.seed}: ${because}; bytes: ${each.bytes.toString("hex")}`);
        tally.calls += ofGuarded.calls.length;
        tally.names += ofRecorded.calls.filter(({ names }) => names !== undefined).length;
        tally.refused += each.guarded.refusals.length;
        tally.unsound += each.guarded.unsound === undefined ? 0 : 1;
        tally.cutByGo += ofGuarded.end === "eof" ? 0 : 1;
      }
      if (done === Math.floor(STREAMS / AT_ONCE / 4) * AT_ONCE) warmBytes = heapBytes();
    }
    const growthBytes = heapBytes() - warmBytes;
    const counted = JSON.stringify({ ...tally, growthBytes });
    await annotate(`seed ${SEED}: ${counted} in ${Math.round(performance.now() - startedMs)} ms`);
    expect(growthBytes).toBeLessThan(GROWTH_MAX_BYTES);
    expect(tally.calls).toBeGreaterThan(STREAMS);
    expect(tally.names).toBeGreaterThan(STREAMS / 4);
    expect(tally.refused).toBeGreaterThan(STREAMS / 4);
    expect(tally.unsound).toBeGreaterThan(STREAMS / 10);
  },
  DEADLINE_MS,
);
