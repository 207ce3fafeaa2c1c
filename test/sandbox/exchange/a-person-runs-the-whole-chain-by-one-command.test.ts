import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { needsStage, toolPath } from "../../journeys/stage/whether.ts";
import { RealSandbox, sandbox } from "../real-sandbox.ts";

needsStage();

const CI_BUILD = fileURLToPath(new URL("../../../dist/sandbox/ci-build.js", import.meta.url));
const BUILDCTL = toolPath("buildctl") ?? "buildctl";

it("a job of each CI system asks the real BuildKit, by the command that is printed, and no stranger's does", async () => {
  await using up = await RealSandbox.start("d", "--ci");
  const { exchangeUrl = "", planeCaFile = "" } = await up.ready();
  const inJob = ["--plane", exchangeUrl, "--ca", planeCaFile, "--", BUILDCTL, "debug", "workers"];
  const job = (provider: string, ...more: readonly string[]) => {
    const [claims, options] = [more.filter((word) => word.includes("=")), more.filter((word) => !word.includes("="))];
    const as = ["ci-job", "--dir", up.dir, "--provider", provider, ...claims.flatMap((claim) => ["--claim", claim])];
    return sandbox(...as, "--", process.execPath, CI_BUILD, ...options, ...inJob);
  };
  for (const [provider, ...options] of [
    ["github"],
    ["circleci"],
    ["buildkite", "--token-env", "BUILDS_TOKEN"],
  ] as const) {
    const { exitCode, stdout, stderr } = await job(provider, ...options);
    expect({ provider, exitCode, ended: stderr.includes("is ended.") }).toEqual({ provider, exitCode: 0, ended: true });
    expect(stdout).toContain("linux/amd64");
  }
  const refused = await job("github", "repository_id=9");
  expect(refused).toMatchObject({ exitCode: 77, stdout: "" });
  expect(refused.stderr).toContain("The job's token is not of a job that is trusted here. (not-allowed)");
  const rerun = await job("circleci", "oidc.circleci.com/ssh-rerun=true");
  expect(rerun.stderr).toContain("(rerun-refused)");
  const log = await sandbox("trust", "log", "--dir", up.dir);
  expect(log.stdout).toContain('not-allowed  The repository_id "9" is not among those that are allowed.');
  expect((await sandbox("build", "list", "--dir", up.dir)).stdout).toBe("No build is open.");

  up.process.kill("SIGINT");
  const { exitCode, stdout } = await up.process;
  expect(exitCode).toBe(0);
  const asJob = `ci-job --dir ${up.dir} --provider github -- npm run --silent ci-build -- ${inJob.join(" ").replace(BUILDCTL, "buildctl")}`;
  expect(stdout).toContain(`npm run --silent sandbox -- ${asJob}\n`);
  expect(existsSync(up.dir)).toBe(false);
});

it("says what is missing where no CI system stands beside it", async () => {
  await using up = await RealSandbox.start();
  await up.ready();
  const { exitCode, stderr } = await sandbox("ci-job", "--dir", up.dir, "--provider", "github", "--", "true");
  expect({ exitCode, stderr }).toEqual({
    exitCode: 69,
    stderr: "sandbox: No CI system stands beside this sandbox: start it with --ci.",
  });
});
