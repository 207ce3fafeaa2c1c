import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { OpenedBuildFiles } from "../../sandbox/admin/request.ts";
import { buildxArguments } from "../../sandbox/stack/client-lines.ts";
import { Client, type ClientEnding } from "./stage/client.ts";
import { sharedStage } from "./stage/shared-stage.ts";
import { toolPath } from "./stage/whether.ts";

const stage = sharedStage();

const CLIENTS: Readonly<Record<string, (build: OpenedBuildFiles) => Promise<ClientEnding>>> = {
  "buildctl debug workers": (build) => stage().askWorkers(build),
  "buildctl build": async (build) => {
    const { client } = await stage().build(build, ["FROM scratch", "COPY busybox /"]);
    await using asked = client;
    return await asked.ended;
  },
  "docker buildx build": async (build) => {
    const home = join(stage().clientDir, `buildx-${build.buildId}`);
    await mkdir(home, { recursive: true });
    await writeFile(join(home, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
    const env = { PATH: process.env["PATH"], HOME: home, BUILDX_CONFIG: join(home, "config"), DOCKER_CONFIG: home };
    const run = async (args: readonly string[]): Promise<ClientEnding> => {
      await using client = Client.start(toolPath("buildx") ?? "buildx", args, env);
      return await client.ended;
    };
    await run(buildxArguments(build));
    return run(["build", "--builder", build.buildId, "--progress", "plain", home]);
  },
};

it.each(Object.keys(CLIENTS))("%s says in the gateway's words that its build is over", async (name) => {
  const build = await stage().openBuild();
  await stage().plane.endBuild(build.buildId).applied();
  const { exitCode, said } = (await CLIENTS[name]?.(build)) ?? {};
  expect(exitCode).not.toBe(0);
  expect(said).toContain("this build is over on this machine");
});
