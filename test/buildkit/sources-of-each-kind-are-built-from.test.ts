import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { RealBuildkit, tool, whyNoBuildkit } from "./real-buildkit.ts";
import { makeRepository, serveRepositories, UNPACKED } from "./sources/repository.ts";

it("builds from a git repository, and unpacks each kind of archive", async ({ skip }) => {
  const why = whyNoBuildkit();
  if (why !== undefined) skip(why);
  await using scope = new Scope();
  await using bench = await RealBuildkit.make();
  await makeRepository(bench.dir);
  const port = await serveRepositories(scope, bench.dir, "127.0.0.1");
  await bench.up();
  const out = join(bench.dir, "out");
  await promisify(execFile)(tool("buildctl"), [
    ...["--addr", `unix://${bench.places.socketPath}`, "build", "--progress", "plain", "--frontend", "dockerfile.v0"],
    ...["--opt", `context=git://127.0.0.1:${port}/sources.git#main`, "--output", `type=local,dest=${out}`],
  ]);
  expect((await readdir(out)).toSorted()).toEqual([...UNPACKED, "plain"]);
});
