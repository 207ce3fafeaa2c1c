import { type Machine, REF } from "../../../test/nspawn/stage/machine.ts";
import { say } from "../../output.ts";

/** How long each grant took, ms: until the machine said that a session with it is let in. */
export interface Opened {
  readonly alone: readonly number[];
  readonly together: readonly number[];
}

const ALONE = 200;
const [TOGETHER, ROUNDS] = [50, 6] as const;
/** The first ones compile what they run through. */
const WARM_UP = 20;

/**
 * Opens builds on a machine that is ready: from the call that puts a grant into the desired state
 * to the machine's word that it is in force, the way back and the build's certificate included.
 */
export async function openBuilds(machine: Machine, signal: AbortSignal): Promise<Opened> {
  for (let count = 0; count < WARM_UP; count += 1) await opened(machine, signal);
  say(`${ALONE} builds are opened, one after the other`);
  const alone: number[] = [];
  for (let count = 0; count < ALONE; count += 1) alone.push(await opened(machine, signal));
  say(`${ROUNDS} times ${TOGETHER} builds are opened at once`);
  const together: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    together.push(...(await Promise.all(Array.from({ length: TOGETHER }, () => opened(machine, signal)))));
  return { alone, together };
}

async function opened(machine: Machine, signal: AbortSignal): Promise<number> {
  const begunMs = performance.now();
  const { buildId } = await machine.plane.openBuild(REF, signal);
  const tookMs = performance.now() - begunMs;
  machine.plane.endBuild(buildId);
  return tookMs;
}
