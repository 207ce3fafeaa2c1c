import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { makeRepository, serveRepositories, UNPACKED } from "../buildkit/sources/repository.ts";
import { sharedMachine } from "./stage/shared-machine.ts";
import { ROUTER } from "./stage/world.ts";

const machine = sharedMachine({ hasWorld: true });

it("builds from a git repository, and unpacks each kind of archive, with what the image has", async () => {
  await using scope = new Scope();
  const { world, disk } = machine();
  const dir = join(disk.work, "sources");
  await mkdir(dir);
  await makeRepository(dir);
  const port = await serveRepositories(scope, dir, ROUTER, (command, args) => world.enter(command, args));
  const out = join(dir, "out");
  await using client = machine().buildctl(await machine().openBuild(), [
    ...["build", "--progress", "plain", "--frontend", "dockerfile.v0"],
    ...["--opt", `context=git://${ROUTER}:${port}/sources.git#main`, "--output", `type=local,dest=${out}`],
  ]);
  await client.succeeds();
  expect((await readdir(out)).toSorted()).toEqual([...UNPACKED, "plain"]);
});
