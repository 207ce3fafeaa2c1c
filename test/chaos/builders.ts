import { randomBytes } from "node:crypto";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BuildRefusalCode } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { OpenedBuildFiles } from "../../sandbox/admin/request.ts";
import { BuildRefused } from "../../sandbox/control-plane/acceptance.ts";
import type { BuildOrder } from "../../sandbox/control-plane/builds.ts";
import { WaitedInVain } from "../../sandbox/control-plane/changes.ts";
import type { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { buildctlArguments } from "../../sandbox/stack/client-lines.ts";
import type { Toolchain } from "../../sandbox/stack/toolchain.ts";
import { chance } from "../agent/world/chance.ts";
import { Client } from "../journeys/stage/client.ts";
import { dockerfile, payloadOf, wrongIn } from "./payload.ts";
import type { BuildRun, Outcome } from "./timeline.ts";

const LEAST_BYTES = 1_024;
const MOST_BYTES = 200_000;
const MOST_SECONDS = 5;
const CLIENT_DEADLINE_MS = 60_000;
/** After one that failed: what is refused at once shall not be asked for a thousand times. */
const AFTER_FAILURE_MS = 500;

/** Where they build: a machine, and the control plane that lets them in. */
export interface BuildPlace {
  readonly plane: EmbeddedControlPlane;
  /** What clients have and get. */
  readonly clientDir: string;
  readonly tools: Pick<Toolchain, "buildctl" | "busybox">;
  openBuild(order: Partial<BuildOrder>): Promise<OpenedBuildFiles>;
}

/** People who build all the time, each one build after the other. */
export class Builders {
  readonly runs: BuildRun[] = [];
  /** In the command line of each of their steps. */
  readonly mark = `chaos-${randomBytes(4).toString("hex")}`;
  readonly #place: BuildPlace;
  readonly #clientDeadlineMs: number;
  readonly #seed: number;
  readonly #running = new Set<string>();
  readonly #clients = new Set<Client>();
  #count = 0;

  /** @param clientDeadlineMs a client that is not over by then hangs. */
  constructor(place: BuildPlace, seed: number, clientDeadlineMs = CLIENT_DEADLINE_MS) {
    this.#place = place;
    this.#clientDeadlineMs = clientDeadlineMs;
    this.#seed = seed;
  }

  /** Builds whose client runs. */
  running(): readonly string[] {
    return [...this.#running];
  }

  /** Kills the clients that there are. */
  kill(): void {
    for (const client of this.#clients) void client[Symbol.asyncDispose]();
  }

  /** One person, who stops between two builds once `isOver`. */
  async work(person: number, isOver: () => boolean): Promise<void> {
    const draw = chance(this.#seed ^ (person * 7_919));
    while (!isOver()) {
      const outcome = await this.once(person, draw);
      if (outcome.is === "failed") await sleep(AFTER_FAILURE_MS);
    }
  }

  /** One build: half of them have another payload and no cache, the others what is cached. */
  async once(person: number, draw: () => number): Promise<Outcome> {
    this.#count += 1;
    const isFresh = draw() < 0.5;
    const payloadSeed = isFresh ? Math.floor(draw() * 2 ** 31) : person;
    const bytes = isFresh ? LEAST_BYTES + Math.floor(draw() * (MOST_BYTES - LEAST_BYTES)) : MOST_BYTES;
    const seconds = isFresh ? Math.floor(draw() * (MOST_SECONDS + 1)) : 1;
    const buildId = `chaos-${this.#count}`;
    const orderedMs = Date.now();
    const work = { payload: payloadOf(payloadSeed, bytes), dockerfile: dockerfile(this.mark, seconds), isFresh };
    const outcome = await this.#built(buildId, work);
    this.runs.push({ buildId, orderedMs, endedMs: Date.now(), outcome });
    return outcome;
  }

  async #built(buildId: string, work: Work): Promise<Outcome> {
    const { plane, clientDir } = this.#place;
    let build: OpenedBuildFiles;
    try {
      build = await this.#place.openBuild({ buildId });
    } catch (failure) {
      return notTaken(failure);
    }
    const dir = join(clientDir, buildId);
    this.#running.add(buildId);
    try {
      return await this.#asked(build, dir, work);
    } finally {
      this.#running.delete(buildId);
      if (plane.listBuilds().some((listed) => listed.buildId === buildId)) plane.endBuild(buildId);
      await rm(dir, { recursive: true, force: true });
      await rm(dirname(build.keyFile), { recursive: true, force: true });
    }
  }

  async #asked(build: OpenedBuildFiles, dir: string, work: Work): Promise<Outcome> {
    const [context, out] = [join(dir, "context"), join(dir, "out")];
    await mkdir(context, { recursive: true });
    await mkdir(out);
    await copyFile(this.#place.tools.busybox, join(context, "busybox"));
    await writeFile(join(context, "payload"), work.payload);
    await writeFile(join(dir, "Dockerfile"), work.dockerfile);
    await using client = Client.start(
      this.#place.tools.buildctl,
      [
        ...buildctlArguments(build),
        ...["build", "--progress", "plain", "--frontend", "dockerfile.v0", ...(work.isFresh ? ["--no-cache"] : [])],
        ...["--local", `context=${context}`, "--local", `dockerfile=${dir}`, "--output", `type=local,dest=${out}`],
      ],
      process.env,
      this.#clientDeadlineMs,
    );
    this.#clients.add(client);
    const { exitCode, said } = await client.ended;
    this.#clients.delete(client);
    if (exitCode === null) return { is: "failed", tells: ["hung"], said };
    if (exitCode !== 0) return { is: "failed", tells: toldIn(said), said };
    const found = await wrongIn(out, work.payload);
    return found === undefined ? { is: "right" } : { is: "wrong", found };
  }
}

interface Work {
  readonly payload: Buffer;
  readonly dockerfile: string;
  readonly isFresh: boolean;
}

function notTaken(failure: unknown): Outcome {
  if (failure instanceof BuildRefused) {
    const codes = failure.refusals.map(({ code }) => `refused:${wordOf(BuildRefusalCode, code)}`);
    return { is: "failed", tells: codes, said: failure.message };
  }
  if (failure instanceof WaitedInVain) return { is: "failed", tells: ["unaccepted"], said: failure.message };
  throw failure;
}

/** The contract's word for a code: "not-ready". */
export function wordOf(names: Readonly<Record<string, number>>, code: number): string {
  const name = Object.keys(names).find((one) => names[one] === code) ?? "unknown";
  return name.toLowerCase().replaceAll("_", "-");
}

/** What BuildKit tells its client, and nobody else, by its words. */
const WORDS: readonly (readonly [string, RegExp])[] = [
  ["said:no-space", /no space left on device/i],
  ["said:session-late", /no active session for \w+: context deadline exceeded/],
];

export function toldIn(said: string): readonly string[] {
  return WORDS.filter(([, words]) => words.test(said)).map(([told]) => told);
}
