import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { OpenedBuildFiles } from "../admin/request.ts";
import { buildctlArguments } from "../stack/client-lines.ts";
import type { Toolchain } from "../stack/toolchain.ts";
import { inTree } from "../stack/tree.ts";
import { runBuildctl } from "./buildctl.ts";

export interface FetchOptions {
  readonly build: OpenedBuildFiles;
  readonly tools: Toolchain;
  /** Where the page is: a name or an address. */
  readonly host: string;
  /** Made if need be. */
  readonly outputDir: string;
  readonly signal: AbortSignal;
}

export interface Fetched {
  /** The page; undefined if the step could not get it. */
  readonly page: string | undefined;
  /** What the step said, last. */
  readonly said: string;
  readonly tookMs: number;
}

/** Arguments of `buildctl build` for the example whose one step fetches a page. */
export function fetchArguments({ tools, host, outputDir }: Omit<FetchOptions, "build" | "signal">): readonly string[] {
  const example = inTree("sandbox/example/private-page");
  return [
    ...["build", "--frontend", "dockerfile.v0", "--progress", "plain", "--no-cache"],
    ...["--local", `context=${example}`, "--local", `dockerfile=${example}`],
    ...["--local", `busybox=${dirname(tools.busybox)}`, "--opt", "context:busybox=local:busybox"],
    ...["--opt", `build-arg:HOST=${host}`],
    ...["--output", `type=local,dest=${outputDir}`],
  ];
}

/** Builds it. A page that cannot be had is no error. */
export async function fetchPage(options: FetchOptions): Promise<Fetched> {
  const { build, tools, outputDir, signal } = options;
  await mkdir(outputDir, { recursive: true });
  const startedMs = performance.now();
  const args = [...buildctlArguments(build), ...fetchArguments(options)];
  const { exitCode, said } = await runBuildctl(tools.buildctl, args, { signal, show: "nothing" });
  const tookMs = performance.now() - startedMs;
  const page = exitCode === 0 ? await readFile(join(outputDir, "page.txt"), "utf8") : undefined;
  return { page, said: wordsOfSteps(said), tookMs };
}

/** buildctl's plain progress has what a step says as "#7 0.123 words". */
function wordsOfSteps(said: string): string {
  const words = said.split("\n").flatMap((line) => /^#\d+ \d+\.\d+ (.*)$/.exec(line)?.[1] ?? []);
  return words.at(-1) ?? said.trim().split("\n").at(-1) ?? "";
}
