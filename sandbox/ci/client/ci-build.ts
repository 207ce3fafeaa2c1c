import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { clientsOfSetUp } from "../../client/client-folder.ts";
import { EXIT, messageOf, SandboxFailure } from "../../failure.ts";
import { KeyPair } from "../../pki/key-pair.ts";
import { makeSigningRequest } from "../../pki/signing-request.ts";
import { makeRuntimeDir } from "../../stack/runtime-dir.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import { checkedUrl } from "./ask.ts";
import { commandFor, environmentFor, writeBuildFiles } from "./build-files.ts";
import { type JobsBuild, PlaneClient, PlaneRefused } from "./plane-client.ts";
import { runCommand } from "./run-command.ts";
import { subjectToken } from "./subject-token.ts";

export interface CiBuildOptions {
  readonly plane: string;
  readonly ca: string;
  readonly serverName?: string;
  readonly audience: string;
  readonly tokenEnv?: string;
  readonly org?: string;
  readonly project?: string;
  readonly ttl?: number;
  /** How long a machine is waited for. */
  readonly wait: number;
}

const END_TRIES = 3;
const END_PAUSE_MS = 1_000;

/**
 * Gets this job a build, runs the command with it, and ends it, however the command ends. Gives the
 * command's exit code. The key is made here and lies in memory, until the end.
 * @throws {SandboxFailure}
 */
export async function ciBuild(
  options: CiBuildOptions,
  command: readonly string[],
  { terminal, signal }: { readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<number> {
  const client = new PlaneClient(await placeOf(options));
  const token = await subjectToken(process.env, options, signal);
  const accessToken = await client.exchange(token, signal);
  const key = await KeyPair.generate();
  const { ttl: ttlMs } = options;
  const order = { csrPem: await pemRequest(key), ...refOf(options), ...(ttlMs !== undefined && { ttlMs }) };
  const build = await patiently(options.wait, () => client.openBuild(accessToken, order, signal), signal);
  terminal.err(`Build ${build.build_id} is open, until ${build.expires_at} at the latest.`);
  try {
    await using dir = await makeRuntimeDir();
    const files = await writeBuildFiles(dir.path, build, key.privateKeyPem);
    const environment = environmentFor(files, process.env, options.tokenEnv === undefined ? [] : [options.tokenEnv]);
    const { buildctl } = await clientsOfSetUp();
    if (signal.aborted) throw signal.reason;
    // PATH's own comes first.
    const path = [environment["PATH"], buildctl && dirname(buildctl)].filter(Boolean).join(":");
    return await runCommand(commandFor(files, command), { ...environment, PATH: path });
  } finally {
    await end(client, accessToken, build, terminal);
  }
}

/** Again when the control plane says, for as long as that: machines come and go. */
async function patiently(waitMs: number, open: () => Promise<JobsBuild>, signal: AbortSignal): Promise<JobsBuild> {
  for (const untilMs = performance.now() + waitMs; ; ) {
    try {
      return await open();
    } catch (failure) {
      const pauseMs = failure instanceof PlaneRefused ? failure.retryAfterMs : undefined;
      if (pauseMs === undefined || performance.now() + pauseMs > untilMs) throw failure;
      await sleep(pauseMs, undefined, { signal });
    }
  }
}

/** What the command gave counts, whatever becomes of this. */
async function end(client: PlaneClient, accessToken: string, build: JobsBuild, terminal: Terminal): Promise<void> {
  const { build_id: buildId, expires_at: expiresAt } = build;
  for (let tries = 1; ; tries += 1) {
    try {
      await client.endBuild(accessToken, buildId);
      return terminal.err(`Build ${buildId} is ended.`);
    } catch (failure) {
      if (tries === END_TRIES)
        return terminal.err(`Build ${buildId} is not ended, and stays open until ${expiresAt}: ${messageOf(failure)}`);
      await sleep(END_PAUSE_MS);
    }
  }
}

async function placeOf({ plane, ca, serverName }: CiBuildOptions) {
  const caPem = await readFile(ca, "utf8").catch((cause: unknown) => {
    throw new SandboxFailure(EXIT.noInput, `Cannot read the control plane's CA: ${messageOf(cause)}.`, cause);
  });
  const url = checkedUrl(plane, "--plane");
  if (url.protocol !== "https:") throw new SandboxFailure(EXIT.usage, "--plane must be an https URL.");
  return { url, caPem, ...(serverName !== undefined && { serverName }) };
}

function refOf({ org, project }: CiBuildOptions): { ref?: { org: string; project: string } } {
  if (org !== undefined && project !== undefined) return { ref: { org, project } };
  if (org === undefined && project === undefined) return {};
  throw new SandboxFailure(EXIT.usage, "Name both --org and --project, or neither.");
}

async function pemRequest(key: KeyPair): Promise<string> {
  const base64 = Buffer.from(await makeSigningRequest(key, "ci-build")).toString("base64");
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`;
}
