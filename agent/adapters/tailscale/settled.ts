import { AgentError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DaemonState, DaemonStatus } from "./daemon-status.ts";
import type { LocalApi } from "./local-api.ts";
import { loginStep } from "./login-progress.ts";

const FINAL: readonly DaemonState[] = ["Running", "NeedsMachineAuth", "NeedsLogin", "Stopped"];

/**
 * Waits until a daemon that may be a node knows whether it still is one.
 * @throws {AgentError} "tailnet.coordination-unreachable" (retryable), with the last that was
 * known, when `signal` is aborted before; "tailnet.daemon-failed".
 */
export async function settled(api: LocalApi, server: string, signal: AbortSignal): Promise<DaemonStatus> {
  let words = `The coordination server ${server} does not answer`;
  for await (const notification of api.notifications(signal)) {
    const step = loginStep(notification, server);
    if (step.is === "news") ({ words } = step);
    const { state } = notification;
    if (step.is === "failed" || (state !== undefined && FINAL.includes(state))) return api.status(signal);
  }
  throw new AgentError("tailnet.coordination-unreachable", words, { retryable: true });
}

const LOOK_AGAIN_MS = 50;

/** Waits until the daemon has a node's key, or `signal` is aborted. */
export async function keyed(api: LocalApi, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const status = await api.status(signal).catch(() => undefined);
    if (status?.hasNodeKey === true) return;
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
}
