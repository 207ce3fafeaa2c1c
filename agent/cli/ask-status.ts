import { z } from "zod";
import { AgentError } from "../core/errors.ts";
import { formatHostPort, type HostPort } from "./config/host-port.ts";
import { StatusReport } from "./status-report.ts";

/** The agent answers from memory. */
const DEADLINE_MS = 5_000;

/** Where a server that listens on every address is asked. */
const LOOPBACK: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * Asks the agent on this machine how it is. `listen` is where its health is served.
 * @throws {AgentError} "status.unreachable", "status.not-understood"
 */
export async function askStatus(listen: HostPort, stop: AbortSignal): Promise<StatusReport> {
  const url = `http://${formatHostPort({ ...listen, host: LOOPBACK[listen.host] ?? listen.host })}/status`;
  const text = await fetchText(url, AbortSignal.any([stop, AbortSignal.timeout(DEADLINE_MS)]));
  const { data, error } = StatusReport.safeParse(jsonOf(text));
  if (data !== undefined) return data;
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

async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  try {
    const response = await fetch(url, { signal, redirect: "error" });
    return await response.text();
  } catch (cause) {
    const message = `No agent answers at ${url}: start it (builder-agent run, or its systemd units), or say with --health-listen where its health is served`;
    throw new AgentError("status.unreachable", message, { retryable: true, cause });
  }
}
