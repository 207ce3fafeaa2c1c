import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Deadline } from "../../sandbox/deadline.ts";
import { clientProgram } from "../load/client-program.ts";
import { makeCredentials } from "../load/credentials.ts";
import { type Flood, LoadClient } from "../load/load-client.ts";
import { LAUNCHER_NODE_FLAGS } from "../options.ts";
import { Opened } from "../process/opened.ts";
import { Toolchain } from "../process/toolchain.ts";
import { residentBytes } from "../process/usage.ts";
import { makeWorkDir } from "../process/work-dir.ts";
import { startFarEnd } from "../subjects/far-end.ts";
import { ourGateway } from "../subjects/our-gateway.ts";
import type { FloodOptions } from "./options.ts";

/** Beside the flood itself: to compile, to start, and for the last strangers to leave. */
const LIMIT_MS = 300_000;
const SAMPLE_MS = 1_000;
/** After the last stranger has gone: the gateway has noticed by then. */
const SETTLED_MS = 3_000;

/** Of the gateway's process, at one moment. */
export interface Held {
  readonly atConnections: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

export interface FloodResult {
  readonly flood: Flood;
  readonly before: Held;
  readonly after: Held;
  /** While it lasted, about once a second. */
  readonly during: readonly Held[];
}

/**
 * Strangers flood the gateway's own process while good clients come and stay. Everything that it
 * starts has ended when it returns or throws. @throws {BenchFailed}
 */
export async function benchFlood(
  { rate, count, stayMs }: Omit<FloodOptions, "write">,
  outer: AbortSignal,
): Promise<FloodResult> {
  using deadline = new Deadline(LIMIT_MS + (count / rate) * 2_000, outer);
  const { signal } = deadline;
  const program = await clientProgram(signal);
  await using opened = new Opened();
  const work = opened.own(await makeWorkDir(undefined));
  const credentials = await makeCredentials(work.path);
  const farEnd = opened.own(await startFarEnd({ program, dir: work.path, credentials, signal }));
  const ground = { credentials, signal, socket: farEnd.socket, dir: join(work.path, "flood") };
  const toolchain = await Toolchain.read();
  const process_ = {
    name: "gateway",
    node: toolchain.path("imageNode"),
    main: toolchain.path("packedAgent"),
    nodeFlags: LAUNCHER_NODE_FLAGS,
    aged: false,
    calls: "judged",
  } as const;
  const gateway = opened.own(await ourGateway(process_)(ground));
  const { proxyPid: pid = 0 } = gateway;
  const client = new LoadClient(program, credentials);
  // Compiled code, and what the first handshakes need once.
  await client.flood(gateway, { rate, count: rate, stayMs }, signal);
  await sleep(SETTLED_MS, undefined, { signal });
  const before = await held(pid, 0);
  const startedMs = performance.now();
  const during: Held[] = [];
  const over = new AbortController();
  using sampling = new Deadline(LIMIT_MS + (count / rate) * 2_000, signal);
  const sampler = (async () => {
    while (!over.signal.aborted) {
      const sent = Math.min(count, ((performance.now() - startedMs) / 1_000) * rate);
      during.push(await held(pid, Math.round(sent)));
      await sleep(SAMPLE_MS, undefined, { signal: sampling.signal });
    }
  })();
  const flood = await client.flood(gateway, { rate, count, stayMs }, signal).finally(() => over.abort());
  await sampler;
  await sleep(SETTLED_MS, undefined, { signal });
  return { flood, before, after: await held(pid, count), during };
}

async function held(pid: number, atConnections: number): Promise<Held> {
  const [resident, descriptors] = await Promise.all([residentBytes(pid), readdir(`/proc/${pid}/fd`)]);
  return { atConnections, residentBytes: resident, descriptors: descriptors.length };
}
