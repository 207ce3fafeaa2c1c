import { setTimeout as sleep } from "node:timers/promises";
import type { OpenedBuild } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { type Machine, REF } from "../../../test/nspawn/stage/machine.ts";
import { say } from "../../output.ts";
import { MachinesWord } from "./machines-word.ts";
import { type HeldSession, SessionClients } from "./session-clients.ts";
import { Processors, type Spent } from "./spent.ts";

/** What one build waited for, ms since it was asked for. */
export interface BuildOpened {
  /** The machine has said that a session with it is let in. */
  readonly saidMs: number;
  /** Whoever asked has the answer: the certificate is signed. */
  readonly answeredMs: number;
  /** A client that dials with it then has BuildKit's first frame after so many ms more. */
  readonly dialMs: number;
}

/** Builds that were opened, and ended, in one way. */
export interface Opened {
  readonly how: string;
  readonly builds: readonly BuildOpened[];
  /** From the call that ends a build until its session is cut, ms. */
  readonly cutMs: readonly number[];
  /** Of each build's opening, its session included, and of its end. */
  readonly opening: readonly Spent[];
  readonly ending: readonly Spent[];
}

const ALONE = 100;
const [TOGETHER, ROUNDS] = [50, 6] as const;
const [AMONG, LONE_AMONG] = [500, 50] as const;
/** The first ones compile what they run through. */
const WARM_UP = 20;
/** A build that is alone comes when nothing is left of the one before it. */
const QUIET_MS = 60;
/** Longer than all of it takes. */
const LIMIT_MS = 240_000;

/** Opens builds on a machine that is ready, dials for each as its client would, and ends them. */
export async function openBuilds(machine: Machine, signal: AbortSignal): Promise<readonly Opened[]> {
  await using clients = await SessionClients.start(machine, signal);
  using word = new MachinesWord(machine, LIMIT_MS);
  const processors = await Processors.of(machine);
  const bench = new Bench({ machine, clients, word, processors }, signal);
  await bench.rounds("warm-up", WARM_UP, 1);
  await bench.rounds("warm-up", 1, TOGETHER);
  const alone = await bench.rounds("one at a time", ALONE, 1);
  const together = await bench.rounds(`${TOGETHER} at once`, ROUNDS, TOGETHER);
  say(`${AMONG} builds are opened, and stay open`);
  for (let count = 0; count < AMONG; count += 1) await machine.plane.openBuild({ ...REF, wait: false }, signal);
  const among = await bench.rounds(`one more beside ${AMONG}`, LONE_AMONG, 1);
  return [alone, together, among];
}

interface BenchParts {
  readonly machine: Machine;
  readonly clients: SessionClients;
  readonly word: MachinesWord;
  readonly processors: Processors;
}

interface OpenBuild {
  readonly buildId: string;
  readonly session: HeldSession;
  readonly took: BuildOpened;
}

class Bench {
  readonly #parts: BenchParts;
  readonly #signal: AbortSignal;

  constructor(parts: BenchParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** So many builds at once, so often. */
  async rounds(how: string, rounds: number, atOnce: number): Promise<Opened> {
    say(`builds are opened: ${how}, ${rounds} times`);
    const opened = {
      builds: [] as BuildOpened[],
      cutMs: [] as number[],
      opening: [] as Spent[],
      ending: [] as Spent[],
    };
    const { processors } = this.#parts;
    for (let round = 0; round < rounds; round += 1) {
      await sleep(QUIET_MS, undefined, { signal: this.#signal });
      const each = Array.from({ length: atOnce });
      const opening = await processors.during(() => Promise.all(each.map(() => this.#open())));
      await sleep(QUIET_MS, undefined, { signal: this.#signal });
      const ending = await processors.during(() => Promise.all(opening.done.map((build) => this.#end(build))));
      opened.builds.push(...opening.done.map(({ took }) => took));
      opened.cutMs.push(...ending.done);
      opened.opening.push(share(opening.spent, atOnce));
      opened.ending.push(share(ending.spent, atOnce));
    }
    return { how, ...opened };
  }

  async #open(): Promise<OpenBuild> {
    const { machine, clients, word } = this.#parts;
    const begunMs = performance.now();
    const opened: OpenedBuild = await machine.plane.openBuild(REF, this.#signal);
    const answeredMs = performance.now() - begunMs;
    const session = await clients.session(opened);
    const saidMs = word.atMs(opened.change.revision) - begunMs;
    return {
      buildId: opened.buildId,
      session,
      took: { saidMs, answeredMs, dialMs: session.dialledMs },
    };
  }

  /** In how many ms its session was cut. */
  async #end({ buildId, session }: OpenBuild): Promise<number> {
    const begunMs = performance.now();
    this.#parts.machine.plane.endBuild(buildId);
    return (await session.closedAtMs) - begunMs;
  }
}

function share({ control, gateway, plane }: Spent, builds: number): Spent {
  return { control: control / builds, gateway: gateway / builds, plane: plane / builds };
}
