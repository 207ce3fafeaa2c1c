import { z } from "zod";
import { AgentError } from "../core/errors.ts";
import { Deadline } from "../lifecycle/deadline.ts";
import { formatHostPort, type HostPort } from "./config/host-port.ts";

/** The agent answers from memory. */
const DEADLINE_MS = 5_000;
/** It answers with this while it has nothing to tell yet. */
const SERVICE_UNAVAILABLE = 503;

export type Status =
  /** `whole` is what `answer` was read from. */
  | { readonly is: "told"; readonly answer: StatusAnswer; readonly whole: Readonly<Record<string, unknown>> }
  | { readonly is: "too-early"; readonly because: string };

/**
 * Asks the agent on this machine how it is. `listen` is where its health is served; Linux
 * answers a wildcard address by itself.
 * @throws {AgentError} "status.unreachable", "status.not-understood"
 */
export async function askStatus(listen: HostPort, stop: AbortSignal): Promise<Status> {
  const url = `http://${formatHostPort(listen)}/status`;
  using deadline = new Deadline(DEADLINE_MS, stop);
  const { code, text } = await get(url, deadline.signal);
  if (code === SERVICE_UNAVAILABLE) return { is: "too-early", because: text.trim() };
  const json = jsonOf(text);
  const { data, error } = StatusAnswer.safeParse(json);
  if (data !== undefined) return { is: "told", answer: data, whole: WholeAnswer.parse(json) };
  const message = `What answers at ${url} is no builder-agent of this version: see what listens there, or correct health.listen`;
  throw new AgentError("status.not-understood", message, { retryable: true, cause: z.prettifyError(error) });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function get(url: string, signal: AbortSignal): Promise<{ readonly code: number; readonly text: string }> {
  try {
    const response = await fetch(url, { signal, redirect: "error" });
    return { code: response.status, text: await response.text() };
  } catch (cause) {
    const message = `No agent answers at ${url}: start it (builder-agent run, or its systemd units), or say with --health-listen where its health is served`;
    throw new AgentError("status.unreachable", message, { retryable: true, cause });
  }
}

/** What `/status` tells (core/status-report.ts), as far as this command reads it. */
export const StatusAnswer = z.object({
  ready: z.boolean(),
  notReadyBecause: z.array(z.string()).readonly(),
  phase: z.object({ at: z.string(), deadlineWallMs: z.number().optional() }),
  appliedRevision: z.string(),
  /** Open sessions by build. */
  builds: z.record(z.string(), z.number()),
  refusedBuilds: z
    .array(z.object({ buildId: z.string(), message: z.string() }))
    .readonly()
    .optional(),
  checks: z
    .array(
      z.object({
        name: z.string(),
        ok: z.boolean(),
        state: z.string(),
        blocking: z.boolean(),
        message: z.string(),
        sinceMs: z.number(),
      }),
    )
    .readonly(),
  resources: z
    .object({
      cacheSizeBytes: z.number(),
      cacheFreeBytes: z.number(),
      // Not told by an older release.
      cacheInodes: z.number().default(0),
      cacheFreeInodes: z.number().default(0),
    })
    .optional(),
  cache: z
    .object({
      encrypted: z.boolean(),
      volumeId: z.string(),
      device: z.string(),
      filesystem: z.string(),
      formatted: z.boolean(),
    })
    .optional(),
  tailnet: z
    .object({ state: z.string(), reason: z.string(), name: z.string(), addresses: z.array(z.string()).readonly() })
    .optional(),
  bootChapters: z.array(z.object({ name: z.string(), tookMs: z.number() })).readonly(),
  buildkit: z.object({ version: z.string(), restarts: z.number(), lastExit: z.string() }),
  certificates: z.object({
    machineNotAfterMs: z.number().optional(),
    servingNotAfterMs: z.number().optional(),
    lastRenewalError: z.string(),
  }),
  counters: z.object({ sessionsAccepted: z.number(), sessionsRefused: z.number() }),
});

/** The same with all that it tells, as it came. */
const WholeAnswer = z.record(z.string(), z.unknown());

export type StatusAnswer = z.output<typeof StatusAnswer>;
