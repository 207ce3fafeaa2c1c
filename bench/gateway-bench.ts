import { join } from "node:path";
import { Deadline } from "../sandbox/deadline.ts";
import { BenchFailed } from "./failure.ts";
import { clientProgram } from "./load/client-program.ts";
import { makeCredentials } from "./load/credentials.ts";
import { LoadClient } from "./load/load-client.ts";
import type { Effort } from "./measures/effort.ts";
import type { Figures } from "./measures/figures.ts";
import { measureIdleMemory } from "./measures/idle-memory.ts";
import type { Measure } from "./measures/measure.ts";
import { overTheWire } from "./measures/over-the-wire.ts";
import { realBuild } from "./measures/real-build.ts";
import type { BenchOptions } from "./options.ts";
import { inShort, say } from "./output.ts";
import { Opened } from "./process/opened.ts";
import { Toolchain } from "./process/toolchain.ts";
import { makeWorkDir } from "./process/work-dir.ts";
import { describeMachine } from "./report/machine.ts";
import type { BenchResult } from "./report/result.ts";
import { type Sample, samplesOf } from "./report/sample.ts";
import { runRounds } from "./rounds.ts";
import { startBuildkit } from "./subjects/buildkitd.ts";
import { startControlBeside } from "./subjects/control-beside.ts";
import { startFarEnd } from "./subjects/far-end.ts";
import { haproxy } from "./subjects/haproxy.ts";
import { type Proxies, startLineup } from "./subjects/lineup.ts";
import { nginx } from "./subjects/nginx.ts";
import { ourGateway } from "./subjects/our-gateway.ts";
import type { Ground, StartSubject, Subject, SubjectName } from "./subjects/subject.ts";

const NODE_20 = /^v20\./;

/**
 * Measures the gateway beside its peers. Everything that it starts has ended when it returns or
 * throws. @throws {BenchFailed}
 */
export async function benchGateway(options: BenchOptions, outer: AbortSignal): Promise<BenchResult> {
  const toolchain = await Toolchain.read();
  const program = await clientProgram(outer);
  const { limitMs } = options.effort;
  using deadline = new Deadline(limitMs, outer);
  try {
    return await measure(options, toolchain, program, deadline.signal);
  } catch (cause) {
    if (outer.aborted || !deadline.hasExpired) throw cause;
    const advice = "measure on a quieter machine, or less with --only";
    throw new BenchFailed(`The bench was not over after ${limitMs / 1000} s: ${advice}.`, { cause });
  }
}

async function measure(
  options: BenchOptions,
  toolchain: Toolchain,
  program: string,
  signal: AbortSignal,
): Promise<BenchResult> {
  const { effort, groups, subjects, quick } = options;
  const startedMs = performance.now();
  const startedAt = new Date().toISOString();
  await using opened = new Opened();
  const work = opened.own(await makeWorkDir(options.workDirParent));
  const machine = await describeMachine(toolchain, work.path, signal);
  const credentials = await makeCredentials(work.path);
  const client = new LoadClient(program, credentials);
  const proxies = chosenProxies(toolchain, options, { aged: true });
  const farEnd = opened.own(await startFarEnd({ program, dir: work.path, credentials, signal }));
  const ground = { credentials, signal, socket: farEnd.socket, dir: work.path };

  const young = chosenProxies(toolchain, options, { aged: false });
  const inMemory = groups.has("memory") ? await memoryRounds(young, client, { ...ground, toolchain }, effort) : [];

  const measures: Measure[] = overTheWire(client, effort).filter(({ group }) => groups.has(group));
  const direct = subjects.has("direct") ? [farEnd] : [];
  const far = opened.own(await startLineup(proxies, { ...ground, dir: join(work.path, "far") }, direct));
  const lineups = { "far-end": far.subjects, buildkitd: [] as readonly Subject[] };
  if (groups.has("build") || groups.has("handshakes")) {
    const tools = { buildkitd: toolchain.path("buildkitd"), runc: toolchain.path("runc") };
    const dir = join(work.path, "buildkit");
    const buildkit = opened.own(await startBuildkit({ ...tools, dir, credentials, signal }));
    const peers = subjects.has("buildkitd") ? [buildkit] : [];
    const behind = { ...ground, socket: buildkit.socket, dir: join(work.path, "near") };
    lineups.buildkitd = opened.own(await startLineup(proxies, behind, peers)).subjects;
    const buildctl = toolchain.path("buildctl");
    const { contextBytes } = effort;
    if (groups.has("build"))
      measures.push(await realBuild({ buildctl, buildkit, credentials, dir: work.path, contextBytes }));
  }

  const inRounds = await runRounds({ measures, lineups, effort, startedMs, signal, told: tell });
  const samples = [...inMemory, ...inRounds];
  const rounds = Math.max(0, ...samples.map(({ round }) => round));
  const seconds = (performance.now() - startedMs) / 1000;
  return { startedAt, seconds, quick, nodeFlags: options.nodeFlags, rounds, machine, samples };
}

async function memoryRounds(
  proxies: Proxies,
  client: LoadClient,
  { toolchain, ...ground }: Ground & { readonly toolchain: Toolchain },
  effort: Effort,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const program = { node: toolchain.path("imageNode"), main: toolchain.path("packedAgent") };
  await using opened = new Opened();
  opened.own(await startControlBeside({ ...ground, dir: join(ground.dir, "control") }, program));
  for (let round = 1; round <= Math.min(effort.rounds, effort.memoryRounds); round += 1) {
    const dir = join(ground.dir, `memory-${round}`);
    await measureIdleMemory(proxies, client, { ...ground, dir }, (name, figures) => {
      tell(round, "memory", { name }, figures);
      samples.push(...samplesOf(round, name, figures));
    });
  }
  return samples;
}

function tell(round: number, what: string, { name }: Pick<Subject, "name">, figures: Figures): void {
  say(`${round === 0 ? "warm-up" : `round ${round}`}: ${what}: ${name}: ${inShort(figures)}`);
}

function chosenProxies(
  toolchain: Toolchain,
  { subjects, nodeFlags, profileDir }: BenchOptions,
  { aged }: { readonly aged: boolean },
): Proxies {
  const main = toolchain.path("packedAgent");
  const onImageNode = <Name extends SubjectName>(name: Name) => ({
    ...{ name, main, node: toolchain.path("imageNode"), nodeFlags, aged },
  });
  const known: readonly (readonly [SubjectName, () => StartSubject])[] = [
    ["gateway", () => ourGateway({ ...onImageNode("gateway"), profileDir, calls: "judged" })],
    ["unjudged", () => ourGateway({ ...onImageNode("unjudged"), calls: "any" })],
    ["node20", () => ourGateway({ name: "node20", main, node: process.execPath, nodeFlags, aged, calls: "judged" })],
    ["haproxy", () => haproxy(toolchain.path("haproxy"))],
    ["nginx", () => nginx(toolchain.path("nginx"), toolchain.path("nginxStream"))],
  ];
  // The bench runs on the oldest Node that we support, or this subject is not there.
  const takesPart = (name: SubjectName) => subjects.has(name) && (name !== "node20" || NODE_20.test(process.version));
  return new Map(known.filter(([name]) => takesPart(name)).map(([name, start]) => [name, start()]));
}
