import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { claimDir } from "../admin/claim.ts";
import { handleFor } from "../admin/handle.ts";
import { adminRequest } from "../admin/request.ts";
import { AdminServer } from "../admin/server.ts";
import { CiBesideStack } from "../ci/ci-beside-stack.ts";
import { Lending } from "../client/lending.ts";
import type { AuditEntry } from "../control-plane/audit.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import { EXIT, type ExitCode, SandboxFailure } from "../failure.ts";
import type { EvidenceKindName } from "../metadata/kinds.ts";
import { StandIns } from "../metadata/stand-ins.ts";
import { standInEvidence } from "../stack/evidence.ts";
import type { Address } from "../stack/free-port.ts";
import { requireRoot } from "../stack/require-root.ts";
import { makeRuntimeDir } from "../stack/runtime-dir.ts";
import { type Stack, withStack } from "../stack/stack.ts";
import { readToolchain } from "../stack/toolchain.ts";
import { WorkDir } from "../stack/work-dir.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { auditInWords } from "./plane/audit.ts";
import { tellReady } from "./tell-ready.ts";
import { uplinkHere } from "./uplink.ts";

const BRIEF_MS = 5_000;

export interface UpOptions extends ProjectRef {
  readonly listen: Address;
  readonly dir: string;
  /** Whether builds get a way out. */
  readonly egress?: boolean;
  /** How the machine proves which one it is. */
  readonly evidence: EvidenceKindName;
  /** Where the agent sends its spans; absent: nowhere, unless it is ordered. */
  readonly otlp?: string;
  /** How long open builds may go on once the agent is told to stop; default 2 s. */
  readonly grace?: number;
  /** Whether stand-ins for CI systems are beside it, and their jobs may open builds. */
  readonly ci?: boolean;
}

/**
 * Starts a sandbox and keeps it until the signal, or until it was drained. `hurry` cuts short how
 * long open builds may go on then.
 */
export async function up(
  options: UpOptions,
  terminal: Terminal,
  signal: AbortSignal,
  hurry: AbortSignal,
): Promise<ExitCode> {
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
    const asked = { listen, otlp: options.otlp, graceMs: options.grace };
    const within = { dir, runtimeDir: runtime.path, ref, tools, uplink, evidence, ...asked, signal, hurry };
    await withStack(within, async (stack) => {
      await using ci = options.ci === true ? await CiBesideStack.open(stack) : undefined;
      await using lending = new Lending({ plane: stack.plane, dir, runtimeDir: runtime.path });
      admin.answerWith(handleFor(stack, lending, ci));
      await tellReady({ stack, wayOut, exchangeUrl: ci?.url }, terminal);
      if ((await untilOver(stack, signal)) === "drained") terminal.out("The machine has drained, and its agent ended.");
      terminal.out(stoppingInWords(asked.graceMs));
    });
  } catch (failure) {
    if (signal.aborted && failure === signal.reason) return ended(work, terminal);
    if (existsSync(work.logFile)) terminal.err(`The agent's log is kept: ${work.logFile}`);
    throw failure;
  }
  return ended(work, terminal);
}

/** Who waits for longer than an ending takes anyway must know for what. */
function stoppingInWords(graceMs: number | undefined = 0): string {
  if (graceMs <= BRIEF_MS) return "Stopping …";
  return `Stopping … Open builds may go on for ${Math.round(graceMs / 1_000)} s; Ctrl-C once more cuts them.`;
}

function ended(work: WorkDir, { out }: Terminal): ExitCode {
  work.keepLog = false;
  const theirs = work.theirs();
  const left = theirs.length === 0 ? "nothing is left behind" : `what you asked for stays: ${theirs.join(", ")}`;
  out(`Everything is stopped; ${left}.`);
  return EXIT.ok;
}

/** @throws {SandboxFailure} when the agent ends unasked. */
async function untilOver(stack: Stack, signal: AbortSignal): Promise<"asked" | "drained"> {
  const over = new Promise<"asked">((done) => signal.addEventListener("abort", () => done("asked"), { once: true }));
  const how = signal.aborted ? "asked" : await Promise.race([over, stack.agentEnded]);
  if (how === "asked") return how;
  if (how.code === 0) return "drained";
  const exit = how.signal ?? `exit code ${how.code}`;
  throw new SandboxFailure(EXIT.unavailable, `The agent ended unasked (${exit}).`);
}
