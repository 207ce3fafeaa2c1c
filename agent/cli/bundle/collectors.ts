import { z } from "zod";
import { type DebugPage, debugPage } from "../../adapters/buildkit/debug-page.ts";
import { diskUsage } from "../../adapters/buildkit/disk-usage.ts";
import { GrpcBuildkitProbe } from "../../adapters/buildkit/probe.ts";
import { type Collector, type Document, NotThere } from "../../adapters/bundle/collector.ts";
import { journal } from "../../adapters/bundle/collectors/journal.ts";
import { launcherLog } from "../../adapters/bundle/collectors/launcher-log.ts";
import { machineCollectors } from "../../adapters/bundle/collectors/machine.ts";
import { ownFiles } from "../../adapters/bundle/collectors/own-files.ts";
import { unitCollectors } from "../../adapters/bundle/collectors/units.ts";
import { readHead, requireThere } from "../../adapters/bundle/read-file.ts";
import { launcherLog as launcherLogFile } from "../../adapters/logs/launcher-log.ts";
import { TABLE } from "../../core/network/guard.ts";
import type { Layout } from "../layout.ts";
import { shownConfig } from "../shown-config.ts";
import type { ConfigOrProblem } from "./places.ts";

export interface BundlePlaces {
  readonly layout: Layout;
  readonly stateDir: string;
  readonly runtimeDir: string;
  /** "http://127.0.0.1:9464": where health is served. */
  readonly healthUrl: string;
}

export interface BundleSources extends BundlePlaces {
  /** Or what is wrong with it. */
  readonly config: ConfigOrProblem;
  readonly logSinceMs: number;
  readonly logMaxBytes: number;
}

const MIB = 1024 * 1024;
const NO_BUILDKIT = "BuildKit does not run: its socket is not there";

/** All that a bundle looks at: what tells most comes first. */
export function bundleCollectors(sources: BundleSources): readonly Collector[] {
  const { layout, healthUrl, config, logSinceMs, logMaxBytes } = sources;
  const { buildkitSocket, buildkitDebugSocket, buildkitConfigFile, buildkitPrepared, networkState } = layout;
  return [
    journal({ sinceMs: logSinceMs, maxBytes: logMaxBytes }),
    launcherLog(() => launcherLogFile(layout.managerSocket), logMaxBytes),
    "problem" in config
      ? document("config.txt", "what is wrong with the configuration", async () => `${config.problem}\n`)
      : document("config.json", "each value in force and where it came from", async () => json(shownConfig(config))),
    health("status.json", "what the agent tells of itself", `${healthUrl}/status`),
    health("checks.txt", "each check, and whether the machine is ready", `${healthUrl}/readyz?verbose`),
    document("tasks.json", "the agent's long-running tasks", async (signal) =>
      json(await tasks(`${healthUrl}/status`, signal)),
    ),
    health("metrics.txt", "metrics, in Prometheus' text form", `${healthUrl}/metrics`),
    ...unitCollectors(),
    document("buildkit/workers.json", "BuildKit's workers", async (signal) => {
      await requireThere(buildkitSocket, NO_BUILDKIT);
      using probe = new GrpcBuildkitProbe(buildkitSocket);
      return json(await probe.listWorkers(signal));
    }),
    document("buildkit/disk-usage.json", "what BuildKit's cache holds, without descriptions", async (signal) => {
      await requireThere(buildkitSocket, NO_BUILDKIT);
      return json(await diskUsage(buildkitSocket, signal));
    }),
    {
      ...page("buildkit/goroutines.txt", "BuildKit's goroutines, where buildkit.debugSocket is on", 8 * MIB),
      collect: (signal) => debugPageIfOn(buildkitDebugSocket, "/debug/pprof/goroutine?debug=2", signal),
    },
    {
      ...page("buildkit/metrics.txt", "BuildKit's own metrics, where buildkit.debugSocket is on", 2 * MIB),
      collect: (signal) => debugPageIfOn(buildkitDebugSocket, "/metrics", signal),
    },
    file("buildkit/buildkitd.toml", "the configuration that buildkitd runs with", buildkitConfigFile),
    file("buildkit/prepared.json", "what was found before buildkitd's last start", buildkitPrepared),
    file("network/builds.json", "what is in force of the builds' network", networkState),
    ...machineCollectors(TABLE),
    ownFiles([sources.runtimeDir, sources.stateDir], [layout.cacheDir]),
  ];
}

function document(path: string, what: string, collect: (signal: AbortSignal) => Promise<string>): Document {
  return { kind: "document", path, what, maxBytes: 4 * MIB, collect };
}

function page(path: string, what: string, maxBytes: number) {
  return { kind: "document", path, what, maxBytes, isFreeText: true } as const;
}

async function* debugPageIfOn(
  socketPath: string,
  of: DebugPage,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  await requireThere(
    socketPath,
    "buildkitd serves no debug pages: buildkit.debugSocket is off, or BuildKit does not run",
  );
  yield* debugPage(socketPath, of, signal);
}

function file(path: string, what: string, of: string): Document {
  return document(path, what, async () => (await readHead(of, MIB)).toString("utf8"));
}

function health(path: string, what: string, url: string): Document {
  return document(path, what, (signal) => got(url, signal));
}

/** The answer, whatever its status: a 503 says why. */
async function got(url: string, signal: AbortSignal): Promise<string> {
  try {
    return await (await fetch(url, { signal, redirect: "error" })).text();
  } catch (failure) {
    throw failure instanceof Error &&
      failure.cause instanceof Error &&
      "code" in failure.cause &&
      failure.cause.code === "ECONNREFUSED"
      ? new NotThere(`No agent serves its health at ${url}`, failure)
      : failure;
  }
}

async function tasks(url: string, signal: AbortSignal): Promise<object> {
  return z.object({ loops: z.array(z.unknown()) }).parse(JSON.parse(await got(url, signal))).loops;
}

function json(data: object): string {
  return `${JSON.stringify(data, undefined, 2)}\n`;
}
