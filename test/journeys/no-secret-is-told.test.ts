import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { OpenedBuildFiles } from "../../sandbox/admin/request.ts";
import { bodyOf, commandsAndEnvironments, filesBelow, type Haystack, whereFound } from "./stage/haystack.ts";
import { oidcIdentity } from "./stage/oidc-issuer.ts";
import { REF, type StageOptions } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

const PATHS = ["/", "/status", "/metrics", "/readyz?verbose", "/livez?verbose"];

needsStage();

/** A build that uses a secret, and gives its digest. */
async function useSecret(stage: Stage, build: OpenedBuildFiles, secret: string): Promise<void> {
  const secretFile = join(stage.clientDir, "canary");
  await writeFile(secretFile, secret, { mode: 0o600 });
  const steps = `cat /run/secrets/canary | sha256sum > /digest`;
  const dockerfile = [
    ...["FROM scratch AS work", "COPY busybox /bin/busybox"],
    `RUN --mount=type=secret,id=canary ["/bin/busybox", "sh", "-c", ${JSON.stringify(steps)}]`,
    ...["FROM scratch", "COPY --from=work /digest /"],
  ];
  const { client, outputDir } = await stage.build(build, dockerfile, ["--secret", `id=canary,src=${secretFile}`]);
  await client.succeeds();
  const digest = createHash("sha256").update(secret).digest("hex");
  expect(await readFile(join(outputDir, "digest"), "utf8")).toContain(digest);
}

/** What makes programs talk: refusals, a build that fails, crashes. */
async function trouble(stage: Stage, build: OpenedBuildFiles): Promise<void> {
  const failing = await stage.build(
    build,
    [...["FROM scratch", "COPY busybox /bin/busybox"], `RUN --mount=type=secret,id=canary ["/bin/busybox", "false"]`],
    ["--secret", `id=canary,src=${join(stage.clientDir, "canary")}`],
  );
  expect((await failing.client.ended).exitCode).not.toBe(0);
  const ended = await stage.openBuild();
  await stage.plane.endBuild(ended.buildId).applied();
  expect((await stage.askWorkers(ended)).exitCode).not.toBe(0);
  const { attaches } = stage.machine;
  await stage.kill("control");
  await stage.plane.until(() => stage.machine.attaches > attaches, { what: "control to attach again" });
  const applied = stage.log.next("policy.applied");
  await stage.kill("gateway");
  await applied;
  await stage.untilRecords(build, 2);
}

async function everythingTold(stage: Stage): Promise<Haystack> {
  const answers = await Promise.all(PATHS.map(async (path) => [path, (await stage.health(path)).body] as const));
  const [shown, printed] = [await stage.status(), await stage.status(["--json"])];
  const known = stage.plane.machines().map(({ hello, observed, facts }) => ({ hello, observed, facts }));
  const told = JSON.stringify([stage.plane.records(), known], (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
  return new Map([
    ...answers,
    ["status", shown.said],
    ["status --json", printed.said],
    ["what the control plane was told", told],
    ...(await commandsAndEnvironments([stage.workDir, stage.runtimeDir])),
    // BuildKit's own state: what builds wrote is theirs. The client's directory is its own.
    ...(await filesBelow(stage.workDir, [join(stage.workDir, "cache")])),
    ...(await filesBelow(stage.runtimeDir, [stage.tokenFile, stage.identityFile])),
  ]);
}

describe("with the most talkative log, nothing that the agent writes or says holds", () => {
  it.each<{ readonly kind: string; readonly options: StageOptions }>([
    { kind: "a join token", options: {} },
    { kind: "an OIDC token", options: { identity: (plane) => oidcIdentity(plane, REF) } },
  ])("$kind, a build's secret, or a private key", async ({ options }) => {
    await using stage = await Stage.up({ ...options, logLevel: "debug" });
    const build = await stage.openBuild();
    const secret = randomBytes(24).toString("hex");
    await useSecret(stage, build, secret);
    await trouble(stage, build);

    const identity = await readFile(stage.identityFile, "utf8");
    // Written by the agent as { …, keyPem }.
    const { keyPem } = JSON.parse(identity) as { readonly keyPem: string };
    const needles = {
      token: await readFile(stage.tokenFile, "utf8"),
      secret,
      machineKey: bodyOf(keyPem),
      buildKey: bodyOf(await readFile(build.keyFile, "utf8")),
      anyPrivateKey: "PRIVATEKEY-----",
    };
    const theirOwn = new Map([
      ...(await filesBelow(stage.clientDir)),
      [stage.tokenFile, needles.token],
      [stage.identityFile, identity],
    ]);
    const told = await everythingTold(stage);
    expect([...told.keys()].join("\n")).toMatch(/agent\.log\n(.*\n)*.*records/);
    for (const [what, needle] of Object.entries(needles)) {
      const isWhereItBelongs = whereFound(needle, theirOwn).length > 0;
      expect({ what, isWhereItBelongs, toldIn: whereFound(needle, told) }).toEqual({
        what,
        isWhereItBelongs: true,
        toldIn: [],
      });
    }
  });
});
