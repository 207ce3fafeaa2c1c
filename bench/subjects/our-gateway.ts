import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Deadline } from "../../sandbox/deadline.ts";
import { BenchFailed } from "../failure.ts";
import { Child } from "../process/child.ts";
import { packageDir } from "../process/toolchain.ts";
import { ControlStandIn } from "./control-stand-in.ts";
import { type Ground, START_DEADLINE_MS, type StartSubject, type SubjectName } from "./subject.ts";

/** How our gateway's Node is started. */
export interface GatewayProcess {
  readonly name: Extract<SubjectName, "gateway" | "unjudged" | "node20">;
  /** The program. */
  readonly node: string;
  /** The agent's main file, bundled as the package carries it. */
  readonly main: string;
  /** Flags of Node's, before those of ours. */
  readonly nodeFlags: readonly string[];
  /** Where its processor profile goes when it ends; absent: none. */
  readonly profileDir?: string | undefined;
  /** As if it had been up for hours: see aged-heap.ts. */
  readonly aged: boolean;
  /** "any": it carries bytes unread, to show what judging calls costs. */
  readonly calls: "judged" | "any";
}

/** As the launcher and the unit have it: the file is the package's own. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  OPENSSL_CONF: join(packageDir, "tools/image/deb/files/gateway-openssl.cnf"),
  MALLOC_ARENA_MAX: "1",
};

/** The gateway's own process, as it runs on a builder, with a stand-in for control. */
export function ourGateway(process_: GatewayProcess): StartSubject {
  return async (ground) => {
    const runtimeDir = join(ground.dir, "run");
    await mkdir(join(runtimeDir, "buildkit"), { recursive: true });
    await symlink(ground.socket, join(runtimeDir, "buildkit", "buildkitd.sock"));
    const args = commandLine(ground, runtimeDir, process_);
    const child = await Child.start({ command: process_.node, args, env: ENVIRONMENT });
    using deadline = new Deadline(START_DEADLINE_MS, ground.signal);
    const { signal } = deadline;
    let control: ControlStandIn | undefined;
    const end = async (): Promise<void> => {
      await control?.[Symbol.asyncDispose]();
      await child[Symbol.asyncDispose]();
    };
    try {
      await child.until(async () => {
        control = await ControlStandIn.attach(join(runtimeDir, "gateway", "gateway.sock"), ground.credentials).catch(
          () => undefined,
        );
        return control !== undefined;
      }, signal);
      const address = await Promise.race([control?.listening, aborted(signal)]);
      if (address === undefined) throw new BenchFailed("It did not begin to listen.");
      return {
        name: process_.name,
        address,
        proxyPid: child.pid,
        [Symbol.asyncDispose]: end,
      };
    } catch (cause) {
      await end();
      ground.signal.throwIfAborted();
      throw new BenchFailed("Our gateway did not start.", { cause });
    }
  };
}

function commandLine({ dir }: Ground, runtimeDir: string, process_: GatewayProcess): readonly string[] {
  const { main, nodeFlags, profileDir, aged, calls } = process_;
  const profiling = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const ageing = aged ? [`--import=${new URL("aged-heap.js", import.meta.url).href}`] : [];
  const flags = {
    "gateway-listen": "127.0.0.1:0",
    "gateway-calls": calls,
    // All clients of the bench are one build's.
    "gateway-max-sessions-per-build-per-minute": "1000000",
    "paths-runtime-dir": runtimeDir,
    "paths-state-dir": join(dir, "state"),
  };
  const ours = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  return [...nodeFlags, ...profiling, ...ageing, main, "gateway", ...ours];
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
