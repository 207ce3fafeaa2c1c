const REMIND_MS = 20_000;

let speaker = "setup";

/** Who says it, where that is not the set-up. @param {string} name */
export function speakAs(name) {
  speaker = name;
}

/** Standard output belongs to the command that runs after the set-up. @param {string} line */
export function say(line) {
  process.stderr.write(`${speaker}: ${line}\n`);
}

/** @param {number} sinceMs A reading of performance.now(). */
const elapsed = (sinceMs) => `${Math.round((performance.now() - sinceMs) / 1000)} s`;

/**
 * Says what is being done, now and then that it still is, and how long it took.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function saying(what, work) {
  const startedMs = performance.now();
  say(`${what} …`);
  const reminder = setInterval(() => say(`… ${elapsed(startedMs)} so far`), REMIND_MS);
  try {
    const result = await work();
    say(`… done in ${elapsed(startedMs)}`);
    return result;
  } finally {
    clearInterval(reminder);
  }
}
