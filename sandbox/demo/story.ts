import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { OpenedBuildFiles } from "../admin/request.ts";
import { writeTicket } from "../admin/ticket-files.ts";
import { EXIT, SandboxFailure } from "../failure.ts";
import { buildctlArguments, shellLines } from "../stack/client-lines.ts";
import type { Stack } from "../stack/stack.ts";
import type { Toolchain } from "../stack/toolchain.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { runBuildctl } from "./buildctl.ts";
import { checkOutput, exampleArguments, interfacesOfSteps } from "./example.ts";
import type { Narrator } from "./narrator.ts";
import { recordTable } from "./record-table.ts";
import { refusalInLog } from "./refusal.ts";

export interface Scene {
  readonly stack: Stack;
  readonly tools: Toolchain;
  readonly narrator: Narrator;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/**
 * The story from an open build to its end. @throws {SandboxFailure} where it does not go as it
 * must.
 */
export async function tellStory(scene: Scene): Promise<void> {
  const secret = randomBytes(16).toString("hex");
  const build = await open(scene);
  await runExample(scene, build, secret);
  await readRecords(scene, build, secret);
  await end(scene, build);
}

async function open({ stack, narrator, signal }: Scene): Promise<OpenedBuildFiles> {
  narrator.chapter("A build is opened, and gets a certificate of its own");
  const startedMs = performance.now();
  const opened = await stack.plane.openBuild(stack.ref, signal);
  const build = await writeTicket(stack.dir, stack.endpoint, opened);
  narrator.seen("the gateway has confirmed the grant", performance.now() - startedMs);
  narrator.detail(
    `${buildUri(stack, build)}\nfrom here on good for this build, on this machine, until ${build.expiresAt}`,
  );
  return build;
}

async function runExample(
  { stack, tools, narrator, terminal, signal }: Scene,
  build: OpenedBuildFiles,
  secret: string,
) {
  narrator.chapter("A stock BuildKit client builds through the mutual TLS");
  const outputDir = join(stack.dir, "out");
  const secretFile = join(stack.dir, "builds", "signing-key");
  await mkdir(outputDir);
  await writeFile(secretFile, secret, { mode: 0o600 });
  const progress = terminal.isTty ? "auto" : "plain";
  const args = exampleArguments({ busybox: tools.busybox, secretFile, outputDir, progress });
  narrator.command(shellLines(["buildctl", ...buildctlArguments(build), ...args]));
  const startedMs = performance.now();
  const show = terminal.isTty ? "live" : narrator.detail.bind(narrator);
  const { exitCode } = await runBuildctl(tools.buildctl, [...buildctlArguments(build), ...args], { signal, show });
  if (exitCode !== 0) throw new SandboxFailure(EXIT.software, `buildctl failed with exit code ${exitCode}.`);
  narrator.seen("built", performance.now() - startedMs);
  for (const finding of await checkOutput(outputDir, secret)) narrator.seen(finding);
  const interfaces = await interfacesOfSteps(outputDir);
  if (interfaces.length !== 2)
    throw new SandboxFailure(
      EXIT.software,
      `Steps shall have a network of their own, but saw: ${interfaces.join(", ")}.`,
    );
  narrator.seen(`the steps had a network of their own: ${interfaces.join(", ")}`);
}

async function readRecords({ stack, narrator, signal }: Scene, build: OpenedBuildFiles, secret: string): Promise<void> {
  narrator.chapter("The control plane has each session on record");
  const ofBuild = () => stack.plane.records().filter(({ buildId }) => buildId === build.buildId);
  await stack.plane.until(() => ofBuild().length > 0, { what: "the session's record", signal });
  narrator.detail(recordTable(ofBuild()));
  const log = await readFile(stack.agentLogFile, "utf8");
  const told = JSON.stringify(stack.plane.records(), (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  if (log.includes(secret) || told.includes(secret))
    throw new SandboxFailure(EXIT.software, "The secret is in the log or a record.");
  narrator.seen("the secret is in no record and nowhere in the agent's log");
}

async function end({ stack, tools, narrator, signal }: Scene, build: OpenedBuildFiles): Promise<void> {
  narrator.chapter("The build ends, and its certificate is worth nothing");
  const startedMs = performance.now();
  await stack.plane.endBuild(build.buildId).applied(signal);
  narrator.seen("the gateway has confirmed the end", performance.now() - startedMs);
  const args = [...buildctlArguments(build), "debug", "workers"];
  narrator.command(`buildctl … debug workers   # the same certificate, the same key`);
  const { exitCode, said } = await runBuildctl(tools.buildctl, args, { signal, show: "nothing" });
  if (exitCode === 0) throw new SandboxFailure(EXIT.software, "The certificate of an ended build was let in.");
  narrator.detail(said);
  const reason = await refusalInLog(stack.agentLogFile, buildUri(stack, build));
  if (reason !== "build-ended")
    throw new SandboxFailure(EXIT.software, `Refused, but as "${reason}" instead of "build-ended".`);
  narrator.seen(`refused; the gateway's log says why: ${reason}`);
}

function buildUri({ plane, ref }: Stack, { buildId }: OpenedBuildFiles): string {
  return `spiffe://${plane.trustDomain}/org/${ref.org}/project/${ref.project}/build/${buildId}`;
}
