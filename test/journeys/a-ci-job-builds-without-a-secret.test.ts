import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { CiPlatforms } from "../../sandbox/ci/platforms/ci-platforms.ts";
import type { ExchangeServer } from "../../sandbox/control-plane/exchange/http/exchange-server.ts";
import { serveExchange } from "../../sandbox/control-plane/exchange/http/serve-exchange.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { JOBS, orderFor } from "../sandbox/exchange/scene.ts";
import { Client } from "./stage/client.ts";
import { HeldBuild, heldDockerfile } from "./stage/held-build.ts";
import { sharedStage } from "./stage/shared-stage.ts";
import type { Stage } from "./stage/stage.ts";

const stage = sharedStage();

async function exchangeOf(here: Stage): Promise<ExchangeServer> {
  const gatewayPort = await here.port();
  return serveExchange(here.plane, { host: "127.0.0.1", port: 0 }, () => `tcp://127.0.0.1:${gatewayPort}`);
}

/** `ci-build … -- buildctl build` in a job of GitHub, of a Dockerfile whose step is held. */
async function job(server: ExchangeServer, platforms: CiPlatforms, mark: string): Promise<HeldBuild> {
  const { clientDir, plane, tools } = stage();
  // The mark is in the step's command line alone.
  const [dir, caFile] = [await mkdtemp(join(clientDir, "job-")), join(clientDir, "plane-ca.pem")];
  await writeFile(caFile, plane.caPem);
  await writeFile(join(dir, "Dockerfile"), heldDockerfile(mark).join("\n"));
  const client = Client.start(
    process.execPath,
    [
      ...[inTree("dist/sandbox/ci-build.js"), "--plane", `https://127.0.0.1:${server.port}`, "--ca", caFile, "--"],
      ...[tools.buildctl, "build", "--progress", "plain", "--no-cache", "--frontend", "dockerfile.v0"],
      ...["--local", `context=${join(clientDir, "context")}`, "--local", `dockerfile=${dir}`],
      ...["--output", `type=local,dest=${join(dir, "out")}`],
    ],
    { ...process.env, ...platforms.githubEnvironment() },
  );
  return HeldBuild.begun(client, mark, join(dir, "out"));
}

afterEach(() => {
  const { exchange } = stage().plane;
  for (const { id } of exchange.trusts.list()) exchange.removeTrust(id);
});

describe("a job of a CI system, by nothing but its platform's own token,", () => {
  it("builds with the real BuildKit, and its build is over when the command is", async () => {
    await using platforms = await CiPlatforms.open();
    await using server = await exchangeOf(stage());
    stage().plane.exchange.trusts.add(orderFor(JOBS.github, platforms));
    await using held = await job(server, platforms, "ci-whole");
    const [open] = stage().plane.listBuilds();
    const { said } = await held.finish();
    expect(said).toContain(`Build ${open?.buildId} is ended.`);
    expect(stage().plane.listBuilds()).toEqual([]);
    expect(await stage().untilRecords({ buildId: open?.buildId ?? "" })).not.toEqual([]);
  });

  it("is cut in the middle of a step when its trust is removed", async () => {
    await using platforms = await CiPlatforms.open();
    await using server = await exchangeOf(stage());
    const { id } = stage().plane.exchange.trusts.add(orderFor(JOBS.github, platforms));
    await using held = await job(server, platforms, "ci-cut");
    const [open] = stage().plane.listBuilds();
    expect(stage().plane.exchange.removeTrust(id)).toEqual([open?.buildId]);
    const { exitCode } = await held.client.ended;
    expect(exitCode).not.toBe(0);
    await held.stepGone();
    const [record] = await stage().untilRecords({ buildId: open?.buildId ?? "" });
    expect(record?.buildId).toBe(open?.buildId);
  });
});
