import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, it } from "vitest";
import { EXCHANGE_AUDIENCE } from "../../../sandbox/control-plane/exchange/trust.ts";
import { LabMachine } from "../plane/lab-machine.ts";
import { eventually } from "../real-sandbox.ts";
import { APP, JOBS, Scene } from "./scene.ts";

const CI_BUILD = fileURLToPath(new URL("../../../dist/sandbox/ci-build.js", import.meta.url));

/** A scene, and a folder with what a job has. */
class Job implements AsyncDisposable {
  readonly scene: Scene;
  readonly dir: string;

  private constructor(scene: Scene, dir: string) {
    this.scene = scene;
    this.dir = dir;
  }

  static async set(machines: readonly (typeof APP)[] = [APP]): Promise<Job> {
    const dir = await mkdtemp(join(tmpdir(), "ci-job-"));
    const scene = await Scene.set({ machines });
    await writeFile(join(dir, "ca.pem"), scene.door.caPem);
    return new Job(scene, dir);
  }

  run(env: Readonly<Record<string, string>>, options: readonly string[], ...command: readonly string[]) {
    const place = ["--plane", `https://127.0.0.1:${this.scene.door.port}`, "--ca", join(this.dir, "ca.pem")];
    const all = [CI_BUILD, ...place, ...options, "--", ...command];
    const path = process.env["PATH"] ?? "";
    const sure = { reject: false, extendEnv: false, timeout: 30_000, cwd: this.dir } as const;
    return execa(process.execPath, all, { ...sure, env: { PATH: path, ...env } });
  }

  file(name: string): Promise<string> {
    return readFile(join(this.dir, name), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Tells where the files were, and what was in them. */
const LOOK =
  'echo "$BUILDKIT_HOST $BUILDER_TLS_SERVER_NAME $BUILDER_TLS_DIR" > said; stat -c %a "$BUILDER_TLS_DIR" "$BUILDER_TLS_DIR"/* > modes; head -qn1 "$BUILDER_TLS_DIR"/* > heads';

it.each([
  { provider: "github", tokenOf: ({ platforms }: Scene) => platforms.githubEnvironment(), options: [] },
  {
    provider: "circleci",
    tokenOf: ({ platforms }: Scene) => ({
      CIRCLE_OIDC_TOKEN_V2: platforms.token("circleci", JOBS.circleci.organizationId),
    }),
    options: [],
  },
  {
    provider: "buildkite",
    tokenOf: ({ platforms }: Scene) => ({ BUILDS_TOKEN: platforms.token("buildkite", EXCHANGE_AUDIENCE) }),
    options: ["--token-env", "BUILDS_TOKEN"],
  },
] as const)("a job of $provider: the command has the build, its code counts, and the build is ended", async (row) => {
  const { provider, tokenOf, options } = row;
  await using job = await Job.set();
  const audience = provider === "circleci" ? { audience: JOBS.circleci.organizationId } : {};
  job.scene.trust(JOBS[provider], audience);
  const { exitCode, stdout, stderr } = await job.run(
    tokenOf(job.scene),
    options,
    "sh",
    "-c",
    `${LOOK}; env > env; exit 7`,
  );
  expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: "" });
  expect(stderr).toMatch(/^Build (b-\w+) is open, until \S+ at the latest\.\nBuild \1 is ended\.$/);
  const [host, name, dir = ""] = (await job.file("said")).trim().split(" ");
  expect([host, name]).toEqual(["tcp://192.0.2.1:8443", job.scene.plane.machines()[0]?.serverName]);
  expect(await job.file("modes")).toBe("700\n600\n600\n600\n");
  expect(await job.file("heads")).toBe(
    "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n",
  );
  expect(await job.file("env")).not.toContain("BUILDS_TOKEN");
  expect(existsSync(dir)).toBe(false);
  expect(job.scene.plane.listBuilds()).toEqual([]);
});

it.each([
  { signal: "SIGTERM", code: 143 },
  { signal: "SIGINT", code: 130 },
  { signal: "SIGHUP", code: 129 },
] as const)("$signal reaches the command, and the build is ended", async ({ signal, code }) => {
  await using job = await Job.set();
  job.scene.trust();
  const running = job.run(job.scene.platforms.githubEnvironment(), [], "sh", "-c", "echo > here; exec sleep 60");
  await eventually("the command", () => existsSync(join(job.dir, "here")) || undefined);
  running.kill(signal);
  expect((await running).exitCode).toBe(code);
  expect(job.scene.plane.listBuilds()).toEqual([]);
});

it("a machine that is still to come is waited for, for as long as the job says", async () => {
  await using job = await Job.set([]);
  job.scene.trust();
  const env = () => job.scene.platforms.githubEnvironment();
  const impatient = await job.run(env(), ["--wait", "1s"], "true");
  expect(impatient).toMatchObject({ exitCode: 69, stderr: expect.stringContaining("(no-machine)") as string });
  const { plane } = job.scene;
  const waiting = job.run(env(), ["--wait", "30s"], "true");
  const refused = () => plane.exchange.log.entries().filter(({ code }) => code === "no-machine");
  await eventually("its first try", () => (refused().length === 2 ? true : undefined));
  await using machine = await LabMachine.register(plane, plane.issueJoinToken(APP));
  expect(await waiting).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("is ended.") as string });
  expect((await machine.until("the build's end", ({ closedBuilds }) => closedBuilds.length > 0)).openBuilds).toEqual(
    [],
  );
});

it("a command that does not exist is told by name, and the build is ended", async () => {
  await using job = await Job.set();
  job.scene.trust();
  const { exitCode, stderr } = await job.run(job.scene.platforms.githubEnvironment(), [], "no-such-command");
  expect(exitCode).toBe(66);
  expect(stderr).toMatch(/is ended\.\nci-build: Cannot run no-such-command: no such program is on PATH\.$/);
  expect(job.scene.plane.listBuilds()).toEqual([]);
});

it("buildctl gets its flags, before what it is told to do", async () => {
  await using job = await Job.set();
  job.scene.trust();
  await writeFile(join(job.dir, "buildctl"), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  const { stdout } = await job.run(job.scene.platforms.githubEnvironment(), [], "./buildctl", "build", "--no-cache");
  const name = job.scene.plane.machines()[0]?.serverName;
  expect(stdout).toMatch(
    new RegExp(`^--addr tcp://192.0.2.1:8443 --tlsdir \\S+ --tlsservername ${name} build --no-cache$`),
  );
});

it("what goes wrong is one sentence with the control plane's code, and no token", async () => {
  await using job = await Job.set();
  const token = job.scene.job("buildkite");
  const env = { BUILDS_TOKEN: token };
  const run = (options: readonly string[], more = env) =>
    job.run(more, ["--token-env", "BUILDS_TOKEN", ...options], "true");
  const said = [
    await run([]),
    await job.run({}, [], "true"),
    await run(["--org", "acme"]),
    await run(["--plane", "http://127.0.0.1:1"]),
    await run(["--plane", "https://127.0.0.1:1"]),
    await run(["--ca", "/nowhere"]),
    await run([], { BUILDS_TOKEN: "" }),
  ].map(({ exitCode, stderr }) => `${exitCode} ${stderr}`);
  expect(said).toEqual([
    "77 ci-build: The control plane refused exchanging the job's token: The job's token is not accepted. (kind-not-accepted)",
    expect.stringMatching(/^66 ci-build: No token of a CI job is here\./) as string,
    expect.stringMatching(/^77 /) as string,
    "64 ci-build: --plane must be an https URL.",
    expect.stringMatching(
      /^69 ci-build: The control plane at 127\.0\.0\.1:1 failed exchanging the job's token: .*ECONNREFUSED/,
    ) as string,
    expect.stringMatching(/^66 ci-build: Cannot read the control plane's CA: ENOENT/) as string,
    "66 ci-build: The variable BUILDS_TOKEN is not set, or empty.",
  ]);
  for (const part of token.split(".")) expect(said.join()).not.toContain(part);
});

it("a control plane under another CA hears nothing of the job's token", async () => {
  await using job = await Job.set();
  await using other = await Scene.set({ machines: [] });
  job.scene.trust();
  await writeFile(join(job.dir, "ca.pem"), other.door.caPem);
  const { exitCode, stderr } = await job.run(job.scene.platforms.githubEnvironment(), [], "true");
  expect(exitCode).toBe(69);
  expect(stderr).toMatch(/certificate/);
  expect(job.scene.plane.exchange.log.entries()).toEqual([]);
});
