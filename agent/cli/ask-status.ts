import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { troubleShape } from "../adapters/troubles/trouble-shape.ts";
import { AgentError } from "../core/errors.ts";
import { Deadline } from "../lifecycle/deadline.ts";
import { formatHostPort, type HostPort } from "./config/host-port.ts";

/** The agent answers from memory. */
const DEADLINE_MS = 5_000;
/** It answers with this while it has nothing to tell yet. */
const SERVICE_UNAVAILABLE = 503;
/** In these words; a proxy in between answers 503 too. */
const TOO_EARLY = /^starting: /;

export type Status =
  /** `whole` is what `answer` was read from. */
  | { readonly is: "told"; readonly answer: StatusAnswer; readonly whole: Readonly<Record<string, unknown>> }
  | { readonly is: "too-early"; readonly because: string };

/**
 * Asks the agent on this machine how it is. `listen` is where its health is served; Linux
 * answers a wildcard address by itself.
 * @throws {AgentError} "status.refused": nothing listens there. "status.silent": something does,
 * and does not answer. "status.not-ours": another service answers. "status.unreachable": the
 * network says why. The stop's reason.
 */
export async function askStatus(listen: HostPort, stop: AbortSignal): Promise<Status> {
  const url = `http://${formatHostPort(listen)}/status`;
  const { code, body } = await get(url, listen, stop);
  if (code === SERVICE_UNAVAILABLE && TOO_EARLY.test(body)) return { is: "too-early", because: body.trim() };
  return readStatus(jsonOf(body), url);
}

/** @throws {AgentError} "status.not-ours" for what is no status of ours; `from`: who told it. */
export function readStatus(json: unknown, from: string): Status {
  const { data, error } = StatusAnswer.safeParse(json);
  if (data !== undefined) return { is: "told", answer: data, whole: WholeAnswer.parse(json) };
  const message = `What answers at ${from} is no builder-agent of this version: see what listens there, or correct health.listen`;
  throw new AgentError("status.not-ours", message, { retryable: true, cause: z.prettifyError(error) });
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

async function get(
  url: string,
  listen: HostPort,
  stop: AbortSignal,
): Promise<{ readonly code: number; readonly body: string }> {
  using deadline = new Deadline(DEADLINE_MS, stop);
  try {
    const response = await answerOf(url, deadline.signal);
    return { code: response.statusCode ?? 0, body: await text(response) };
  } catch (cause) {
    stop.throwIfAborted();
    throw deadline.hasExpired ? silent(url, listen) : unanswered(url, listen, cause);
  }
}

/** Not by `fetch`, which asks no port that a browser would not. */
function answerOf(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, { signal, agent: false }, resolve).once("error", reject).end();
  });
}

function silent(url: string, { port }: HostPort): AgentError {
  const message = `What listens at ${url} takes connections and has not answered within ${DEADLINE_MS / 1000} s: it hangs, or is another service. See who it is: ss -ltnp 'sport = :${port}'; of an agent, builder-agent logs --unit control (under systemd one that hangs is started anew within 30 s)`;
  return new AgentError("status.silent", message, { retryable: true });
}

function unanswered(url: string, { port }: HostPort, cause: unknown): AgentError {
  const code = codeOf(cause);
  const elsewhere = "say with --health-listen or --config where its health is served";
  if (code === "ECONNREFUSED") {
    const message = `Nothing listens at ${url}: no agent runs here, or elsewhere than this command looks. Start it (systemctl start builder-agent.target, or builder-agent run), or ${elsewhere}; builder-agent doctor tells what keeps it from starting`;
    return new AgentError("status.refused", message, { retryable: true, cause });
  }
  if (NO_HTTP.test(code)) {
    const message = `What answers at ${url} is another service, and no builder-agent's health: see who it is (ss -ltnp 'sport = :${port}'), or ${elsewhere}`;
    return new AgentError("status.not-ours", message, { retryable: true, cause });
  }
  const message = `${url} cannot be reached: see its address (ip address), or ${elsewhere}`;
  return new AgentError("status.unreachable", message, { retryable: true, cause });
}

/** What a server that speaks no HTTP makes of a request: nonsense, or a connection that ends. */
const NO_HTTP = /^(?:HPE_|ECONNRESET|EPIPE)/;

function codeOf(failure: unknown): string {
  return failure instanceof Error && "code" in failure ? String(failure.code) : "";
}

/** What `/status` tells (core/status-report.ts), as far as this command reads it. */
export const StatusAnswer = z.object({
  // The head: not told by an older release.
  machineId: z.string().optional(),
  orgId: z.string().optional(),
  projectId: z.string().optional(),
  architecture: z.string().optional(),
  versions: z.object({ agent: z.string(), node: z.string(), buildkit: z.string() }).optional(),
  addresses: z.object({ controlPlane: z.string(), gateway: z.string(), health: z.string() }).optional(),
  controlPlane: z
    .object({
      attached: z.boolean(),
      lastHeardAtMs: z.number().optional(),
      nextTryAtMs: z.number().optional(),
      admitsUntilMs: z.number().optional(),
    })
    .optional(),
  boot: z.object({ id: z.string(), atMs: z.number() }).optional(),
  process: z.object({ startedAtMs: z.number() }).optional(),
  ready: z.boolean(),
  notReadyBecause: z.array(z.string()).readonly(),
  phase: z.object({ at: z.string(), deadlineWallMs: z.number().optional() }),
  appliedRevision: z.string(),
  /** Open sessions by build. */
  builds: z.record(z.string(), z.number()),
  // Not told by an older release.
  gateway: z
    .object({
      runId: z.string(),
      listening: z.boolean(),
      finishing: z.object({ runIds: z.array(z.string()).readonly(), sessions: z.number() }),
    })
    .optional(),
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
        // Not told by an older release.
        remedy: z.string().default(""),
        evidence: z.array(z.string()).readonly().default([]),
        causedBy: z.string().optional(),
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
  // Not told by an older release.
  troubles: z.array(z.object(troubleShape)).readonly().default([]),
  counters: z.object({ sessionsAccepted: z.number(), sessionsRefused: z.number() }),
});

/** The same with all that it tells, as it came. */
const WholeAnswer = z.record(z.string(), z.unknown());

export type StatusAnswer = z.output<typeof StatusAnswer>;
