import { z } from "zod";
import { AgentError } from "../core/errors.ts";
import { formatHostPort, type HostPort } from "./config/host-port.ts";
import { StatusAnswer, WholeAnswer } from "./status-answer.ts";

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
  const { code, text } = await get(url, AbortSignal.any([stop, AbortSignal.timeout(DEADLINE_MS)]));
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
