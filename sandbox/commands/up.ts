import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { claimDir } from "../admin/claim.ts";
import { handleFor } from "../admin/handle.ts";
import { adminRequest } from "../admin/request.ts";
import { AdminServer } from "../admin/server.ts";
import { CiBesideStack } from "../ci/ci-beside-stack.ts";
import type { AuditEntry } from "../control-plane/audit.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import { EXIT, type ExitCode, SandboxFailure } from "../failure.ts";
import type { EvidenceKindName } from "../metadata/kinds.ts";
import { StandIns } from "../metadata/stand-ins.ts";
import { buildctlArguments, buildxArguments, shellLine } from "../stack/client-lines.ts";
import { standInEvidence } from "../stack/evidence.ts";
import type { Address } from "../stack/free-port.ts";
import { requireRoot } from "../stack/require-root.ts";
import { makeRuntimeDir } from "../stack/runtime-dir.ts";
import { type Stack, withStack } from "../stack/stack.ts";
import { readToolchain } from "../stack/toolchain.ts";
import { WorkDir } from "../stack/work-dir.ts";
import { writeWhole } from "../stack/write-whole.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { auditInWords } from "./plane/audit.ts";
import { uplinkHere } from "./uplink.ts";

export interface UpOptions extends ProjectRef {
  readonly listen: Address;
  readonly dir: string;
  /** Whether builds get a way out. */
  readonly egress?: boolean;
  /** How the machine proves which one it is. */
  readonly evidence: EvidenceKindName;
  /** Where the agent sends its spans; absent: nowhere, unless it is ordered. */
  readonly otlp?: string;
  /** Whether stand-ins for CI systems are beside it, and their jobs may open builds. */
  readonly ci?: boolean;
}

/** Starts a sandbox and keeps it until the signal, or until it was drained. */
export async function up(options: UpOptions, terminal: Terminal, signal: AbortSignal): Promise<ExitCode> {
  requireRoot();
  const tools = await readToolchain();
  const dir = resolve(options.dir);
  const ref = { org: options.org, project: options.project };
  await using runtime = await makeRuntimeDir();
  await using admin = await AdminServer.listen(join(runtime.path, "admin.sock"), adminRequest);
  await using claim = await claimDir(dir, { adminSocket: admin.path, runtimeDir: runtime.path });
  await using work = await WorkDir.open(claim);
  const { evidence: kind, listen } = options;
  await using standIns = kind === "join-token" ? undefined : await StandIns.open(runtime.path);
  try {
    const onAudit = (entry: AuditEntry): void => terminal.out(auditInWords(entry, terminal.paint));
    const evidence =
      standIns === undefined || kind === "join-token"
        ? undefined
        : await standInEvidence({ dir, kind, ref, standIns, onAudit });
    let wayOut: string | undefined;
    const uplink = options.egress === true ? await uplinkHere((what) => (wayOut = what)) : undefined;
    const within = { dir, runtimeDir: runtime.path, listen, ref, tools, uplink, evidence, otlp: options.otlp, signal };
    await withStack(within, async (stack) => {
      await using ci = options.ci === true ? await CiBesideStack.open(stack) : undefined;
      admin.answerWith(handleFor(stack, ci));
      await tellReady({ stack, wayOut, exchangeUrl: ci?.url, buildctl: tools.buildctl }, terminal);
      await untilOver(stack, signal);
      terminal.out("Stopping …");
    });
  } catch (failure) {
    if (signal.aborted && failure === signal.reason) return ended(work, terminal);
    if (existsSync(work.logFile)) terminal.err(`The agent's log is kept: ${work.logFile}`);
    throw failure;
  }
  return ended(work, terminal);
}

function ended(work: WorkDir, { out }: Terminal): ExitCode {
  work.keepLog = false;
  const theirs = work.theirs();
  const left = theirs.length === 0 ? "nothing is left behind" : `what you asked for stays: ${theirs.join(", ")}`;
  out(`Everything is stopped; ${left}.`);
  return EXIT.ok;
}

interface Ready {
  readonly stack: Stack;
  /** By what builds have one; undefined: none. */
  readonly wayOut: string | undefined;
  /** Where jobs of the stand-ins go; undefined: there are none. */
  readonly exchangeUrl: string | undefined;
  readonly buildctl: string;
}

async function tellReady({ stack, wayOut, exchangeUrl, buildctl }: Ready, { out, paint }: Terminal): Promise<void> {
  const { dir, plane, endpoint, serverName, healthUrl, ref, machineId } = stack;
  const caFile = join(dir, "ca.pem");
  await writeFile(caFile, plane.authorities.builders.certPem);
  const planeCaFile = join(dir, "control-plane-ca.pem");
  const exchange = exchangeUrl !== undefined && { exchangeUrl, planeCaFile };
  const ready = { endpoint, serverName, caFile, healthUrl, machineId, ...ref, ...exchange, pid: process.pid };
  await writeWhole(join(dir, "ready.json"), `${JSON.stringify(ready, null, 2)}\n`);
  const at = (name: string): string => `${dir}/builds/BUILD_ID/${name}.pem`;
  const [caOf, certFile, keyFile] = [at("ca"), at("cert"), at("key")];
  const sample = { buildId: "BUILD_ID", caFile: caOf, certFile, keyFile, serverName, endpoint, expiresAt: "" };
  const step = (text: string): void => out(`\n${paint("dim", text)}`);
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
    out(`npm run --silent sandbox -- metadata fault hang --dir ${shellLine([dir])}`);
    out(`npm run --silent sandbox -- metadata prove --dir ${shellLine([dir])}`);
  }
  step("1. Open a build; it prints the id and the files:");
  out(`npm run --silent sandbox -- build open --dir ${shellLine([dir])} --org ${ref.org} --project ${ref.project}`);
  step("2. Point a client at it, with that id for BUILD_ID:");
  out(shellLine(["buildctl", ...buildctlArguments(sample), "build", "…"]).replace("'…'", "…"));
  out(shellLine(["docker", "buildx", ...buildxArguments(sample)]));
  step("3. End it; its certificate is worth nothing from then on:");
  out(`npm run --silent sandbox -- build end --dir ${shellLine([dir])} BUILD_ID`);
  if (exchangeUrl !== undefined) {
    step("Or all three at once, as a CI job without a secret does it (circleci, buildkite likewise: docs/ci.md):");
    const job = ["ci-job", "--dir", dir, "--provider", "github", "--", ...["npm", "run", "--silent", "ci-build", "--"]];
    const inJob = ["--plane", exchangeUrl, "--ca", planeCaFile, "--", buildctl, "debug", "workers"];
    out(`npm run --silent sandbox -- ${shellLine([...job, ...inJob])}`);
  }
  step("Ctrl-C ends everything.");
}

/** @throws {SandboxFailure} when the agent ends unasked. */
async function untilOver(stack: Stack, signal: AbortSignal): Promise<void> {
  const over = new Promise<"asked">((done) => signal.addEventListener("abort", () => done("asked"), { once: true }));
  const how = signal.aborted ? "asked" : await Promise.race([over, stack.agentEnded]);
  if (how === "asked" || how.code === 0) return;
  const exit = how.signal ?? `exit code ${how.code}`;
  throw new SandboxFailure(EXIT.unavailable, `The agent ended unasked (${exit}).`);
}
