import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, expect, it } from "vitest";
import { GrpcBuildkitCache } from "../../agent/adapters/buildkit/grpc-cache.ts";
import { eventually, RealBuildkit, tool, whyNoBuildkit } from "./real-buildkit.ts";

const { signal } = new AbortController();
/** The transfer of all of them takes a while; they go in the order of their names. */
const MORE_FILES = 2_000;
const MORE_BYTES = 30_000;

beforeEach(({ skip }) => {
  const why = whyNoBuildkit();
  if (why !== undefined) skip(why);
});

it("after buildkitd was killed amid a client's files the next build gets the new ones, none of the old", async () => {
  await using bench = await RealBuildkit.make();
  using cache = new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir);
  const context = join(bench.dir, "files");
  await mkdir(context);
  const { pid } = await bench.up();
  await writeFile(join(context, "a"), "old\n");
  await build(bench, context, ["COPY a /a"]);

  await writeFile(join(context, "a"), "new\n");
  await mkdir(join(context, "more"));
  const more = Array.from({ length: MORE_FILES }, (_, at) => join(context, "more", String(at)));
  for (const file of more) await writeFile(file, Buffer.alloc(MORE_BYTES, file));
  const cut = build(bench, context, ["COPY a /a", "COPY more /more"]).then(
    () => "passed",
    () => "failed",
  );
  await eventually(async () => (await transferred(bench)) > 10, "files are being transferred");
  process.kill(pid, "SIGKILL");
  expect(await cut).toBe("failed");
  for await (const { at } of bench.unit.statuses(AbortSignal.timeout(30_000))) if (at === "exited") break;

  await bench.unit.start(signal);
  await bench.answering();
  expect((await cache.forgetTransfers(signal)).records).toBeGreaterThan(0);
  const outputDir = await build(bench, context, ["COPY a /a"]);
  expect(await readFile(join(outputDir, "a"), "utf8")).toBe("new\n");
  const outputDirOfMore = await build(bench, context, ["COPY more/1 /more/1"]);
  expect((await readFile(join(outputDirOfMore, "more/1"))).length).toBe(MORE_BYTES);
});

/** How many files of the directory "more" BuildKit has by now. */
async function transferred({ places }: RealBuildkit): Promise<number> {
  const snapshots = join(places.rootDir, "runc-overlayfs/snapshots/snapshots");
  const ids = await readdir(snapshots).catch(() => []);
  const counts = ids.map(async (id) => (await readdir(join(snapshots, id, "fs/more")).catch(() => [])).length);
  return Math.max(0, ...(await Promise.all(counts)));
}

let builds = 0;

/**
 * `buildctl build` by a client whose files are in `context`: a promise of where its output is.
 */
async function build({ dir, places }: RealBuildkit, context: string, lines: readonly string[]): Promise<string> {
  builds += 1;
  const [dockerfileDir, outputDir] = [join(dir, `dockerfile-${builds}`), join(dir, `out-${builds}`)];
  await mkdir(dockerfileDir);
  await writeFile(join(dockerfileDir, "Dockerfile"), ["FROM scratch", ...lines].join("\n"));
  await promisify(execFile)(tool("buildctl"), [
    ...["--addr", `unix://${places.socketPath}`, "build", "--progress", "plain", "--frontend", "dockerfile.v0"],
    ...["--local", `context=${context}`, "--local", `dockerfile=${dockerfileDir}`],
    ...["--output", `type=local,dest=${outputDir}`],
  ]);
  return outputDir;
}
