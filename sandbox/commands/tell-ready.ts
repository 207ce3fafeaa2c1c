import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { shellLine } from "../stack/client-lines.ts";
import type { Stack } from "../stack/stack.ts";
import { inTree } from "../stack/tree.ts";
import { writeWhole } from "../stack/write-whole.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface Ready {
  readonly stack: Stack;
  /** By what builds have a way out; undefined: none. */
  readonly wayOut: string | undefined;
  /** Where jobs of the stand-ins go; undefined: there are none. */
  readonly exchangeUrl: string | undefined;
}

/** Writes ready.json, and says what to do with a sandbox: each line can be pasted as it is. */
export async function tellReady({ stack, wayOut, exchangeUrl }: Ready, { out, paint }: Terminal): Promise<void> {
  const { dir, plane, endpoint, serverName, healthUrl, ref, machineId } = stack;
  const caFile = join(dir, "ca.pem");
  await writeFile(caFile, plane.authorities.builders.certPem);
  const planeCaFile = join(dir, "control-plane-ca.pem");
  const exchange = exchangeUrl !== undefined && { exchangeUrl, planeCaFile };
  const ready = { endpoint, serverName, caFile, healthUrl, machineId, ...ref, ...exchange, pid: process.pid };
  await writeWhole(join(dir, "ready.json"), `${JSON.stringify(ready, null, 2)}\n`);

  const step = (text: string): void => out(`\n${paint("dim", text)}`);
  const sandbox = (...words: readonly string[]): string => `npm run --silent sandbox -- ${shellLine(words)}`;
  const ofProject = ["--dir", dir, "--org", ref.org, "--project", ref.project];
  out(
    `${paint("green", "Ready.")} Builds of ${paint("bold", `${ref.org}/${ref.project}`)} come in at ${paint("bold", endpoint)}`,
  );
  out(`Health: ${healthUrl}/readyz   Log: ${stack.agentLogFile}`);
  out(
    wayOut === undefined
      ? "Builds are in a network of their own without a way out; --egress gives one."
      : `Builds have a way out over this machine, by a ${wayOut}; both go at the end.`,
  );
  if (stack.standIns !== undefined) {
    out(`The machine proved itself to ${dir}/attestation.toml. To see what it says of a platform's fault:`);
    out(sandbox("metadata", "fault", "hang", "--dir", dir));
    out(sandbox("metadata", "prove", "--dir", dir));
  }
  step("A build of its own for one command; docker buildx build works likewise:");
  out(sandbox("exec", ...ofProject, "--", "buildctl", ...helloArguments()));
  step("Or 1. one for a shell, whose buildctl and docker buildx build go there until it ends (fish: --shell fish):");
  out(`eval "$(${sandbox("build", "open", ...ofProject, "--shell")})"`);
  step("2. Use it:");
  out(shellLine(["buildctl", ...helloArguments()]));
  step("3. End it; its certificate is worth nothing from then on:");
  out(`${sandbox("build", "end", "--dir", dir)} "$BUILDER_BUILD_ID"`);
  if (exchangeUrl !== undefined) {
    step("Or all of it as a CI job without a secret does it (circleci, buildkite likewise: docs/ci.md):");
    const job = ["ci-job", "--dir", dir, "--provider", "github", "--", ...["npm", "run", "--silent", "ci-build", "--"]];
    out(sandbox(...job, "--plane", exchangeUrl, "--ca", planeCaFile, "--", "buildctl", "debug", "workers"));
  }
  step("Ctrl-C ends everything.");
}

/** The smallest build, of a folder in the tree. */
function helloArguments(): readonly string[] {
  const hello = inTree("sandbox/example/hello");
  return ["build", "--frontend", "dockerfile.v0", "--local", `context=${hello}`, "--local", `dockerfile=${hello}`];
}
