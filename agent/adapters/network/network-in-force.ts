import { statSync } from "node:fs";
import { untilBeatMs } from "../../core/beat.ts";
import type { AppliedNetwork } from "../../core/network/order.ts";
import type { Clock } from "../../ports/clock.ts";
import { readState } from "./state-file.ts";

/** A look is one stat(2), of a file in memory: it need not wake another thread. */
const LOOK_EVERY_MS = 2_000;

/**
 * What is in force of the builds' network, each time that it has become another: read from the file
 * that all keep who change it. The first value is the present one; none while there is no network.
 * Ends with `signal`.
 */
export async function* networkInForce(
  stateFile: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<AppliedNetwork, void, undefined> {
  let [version, told] = ["", ""];
  for (; !signal.aborted; await clock.sleep(untilBeatMs(clock.now(), LOOK_EVERY_MS), signal)) {
    const present = versionOf(stateFile);
    if (present === version) continue;
    version = present;
    const applied = (await readState(stateFile))?.applied;
    const text = JSON.stringify(applied);
    if (applied === undefined || text === told) continue;
    told = text;
    yield applied;
  }
}

/** A file that is replaced has another inode; "" while there is none. */
function versionOf(file: string): string {
  try {
    const { ino, mtimeNs } = statSync(file, { bigint: true });
    return `${ino} ${mtimeNs}`;
  } catch {
    return "";
  }
}
