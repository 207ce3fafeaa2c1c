import { Worker } from "node:worker_threads";

/**
 * Steps of the work below: what two threads of a quiet two-core machine take 210 ms for (Xeon,
 * 2026).
 */
const STEPS = 40_000_000;
const QUIET_MS = 210;
const ROUNDS = 3;
/** Beyond this a limit is no limit any more. */
const SLOWEST = 6;

/**
 * An interpreter's loop: branches that nobody foresees and a table that leaves the small caches, as
 * in an emulated processor.
 */
const WORK = `
const { parentPort, workerData } = require("node:worker_threads");
const code = Uint8Array.from({ length: 4096 }, (_, at) => (at * 167 + 13) & 7);
const memory = new Uint32Array(1 << 18);
function work(steps) {
  let word = 1;
  let at = 0;
  for (let step = 0; step < steps; step++) {
    switch (code[at]) {
      case 0: word = (word + step) | 0; break;
      case 1: word ^= word << 13; break;
      case 2: word ^= word >>> 17; break;
      case 3: word ^= word << 5; break;
      case 4: memory[word & 0x3ffff] = word; break;
      case 5: word = (word + memory[(word >>> 3) & 0x3ffff]) | 0; break;
      case 6: if (word & 1) at = (at + 7) & 4095; break;
      default: word = (Math.imul(word, 1664525) + 1013904223) | 0;
    }
    at = (at + 1 + ((word >>> 9) & 1)) & 4095;
  }
  return word;
}
work(workerData / 40);
const startedMs = performance.now();
work(workerData);
parentPort.postMessage(performance.now() - startedMs);
`;

/** @type {Promise<number> | undefined} */
let measured;

/**
 * How many times as long this machine takes as a quiet two-core one, 1 to 6; measured once, in some
 * seconds. @returns {Promise<number>}
 */
export function slowness() {
  measured ??= measure();
  return measured;
}

async function measure() {
  /** @type {number[]} */
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1)
    rounds.push(Math.max(...(await Promise.all([threadMs(), threadMs()]))));
  return slownessOf(rounds);
}

/** The middle one of the rounds counts. @param {readonly number[]} roundsMs */
export function slownessOf(roundsMs) {
  const middleMs = roundsMs.toSorted((a, b) => a - b)[Math.floor(roundsMs.length / 2)] ?? QUIET_MS;
  return Math.min(SLOWEST, Math.max(1, Math.round((middleMs / QUIET_MS) * 10) / 10));
}

/** @returns {Promise<number>} */
function threadMs() {
  return new Promise((resolve, reject) => {
    const thread = new Worker(WORK, { eval: true, workerData: STEPS });
    thread.once("message", resolve).once("error", reject);
  });
}
