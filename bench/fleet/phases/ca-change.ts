import type { OpenedBuild } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { BuildSession } from "../build-client.ts";
import { type Fleet, projectOf } from "../fleet.ts";
import { type FanOut, fanOut } from "./fan-out.ts";

/** A change of the CA that signs builds, with an overlap in which both are trusted. */
export interface CaChange {
  /** How many machines had builds meanwhile. */
  readonly machinesWithBuilds: number;
  /** Of the new CA to all. */
  readonly overlap: FanOut;
  /** Of its being the only one, to all. */
  readonly withdrawal: FanOut;
  readonly handshakes: number;
  readonly failedHandshakes: number;
  /** Open before the change, and not alive until the old CA was withdrawn. */
  readonly interruptedSessions: number;
  /** With an old certificate, after the withdrawal: as it must be. */
  readonly turnedAway: number;
}

/** Two cores have other work than to open them all at once. */
const AT_ONCE = 8;

interface Build {
  readonly machine: string;
  readonly ticket: OpenedBuild;
}

export async function caChange(fleet: Fleet, withBuilds: readonly string[], signal: AbortSignal): Promise<CaChange> {
  const { plane, names } = fleet;
  const tally = { handshakes: 0, failed: 0 };
  const dial = async ({ machine, ticket }: Build): Promise<BuildSession | undefined> => {
    const { port, serverName } = fleet.doorOf(machine);
    tally.handshakes += 1;
    const session = await BuildSession.open(port, serverName, ticket, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (session === undefined) tally.failed += 1;
    return session;
  };
  const dialOnce = async (build: Build): Promise<void> => (await dial(build))?.[Symbol.dispose]();
  const open = async (machine: string): Promise<Build> => ({
    machine,
    ticket: await plane.openBuild(projectOf(machine), signal),
  });

  const old = await eachOf(withBuilds, open);
  const living = await eachOf(old, dial);
  try {
    const [overlap] = await Promise.all([
      fanOut(fleet, names, () => plane.rotateBuildCa(), signal),
      eachOf(old, dialOnce),
    ]);
    const fresh = await eachOf(withBuilds, open);
    await eachOf([...old, ...fresh], dialOnce);
    const alive = await eachOf(living, isAlive(signal));
    const withdrawal = await fanOut(
      fleet,
      names,
      () => names.forEach((name) => void plane.withdrawOldBuildCa(projectOf(name))),
      signal,
    );
    await eachOf(fresh, dialOnce);
    const { handshakes, failed } = tally;
    const late = await eachOf(old, dial);
    for (const session of late) session?.[Symbol.dispose]();
    for (const { ticket } of [...old, ...fresh]) plane.endBuild(ticket.buildId);
    return {
      machinesWithBuilds: withBuilds.length,
      overlap,
      withdrawal,
      handshakes,
      failedHandshakes: failed,
      interruptedSessions: alive.filter((lives) => !lives).length,
      turnedAway: late.filter((session) => session === undefined).length,
    };
  } finally {
    for (const session of living) session?.[Symbol.dispose]();
  }
}

function isAlive(signal: AbortSignal): (session: BuildSession | undefined) => Promise<boolean> {
  return async (session) => {
    if (session === undefined) return false;
    return session.ping(signal).then(
      () => true,
      () => false,
    );
  };
}

/** In order, a few at a time. */
async function eachOf<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE)
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(act))));
  return results;
}
