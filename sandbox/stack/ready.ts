import { Phase } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { Machine } from "../control-plane/machine.ts";
import { Deadline } from "../deadline.ts";
import { EXIT, messageOf, SandboxFailure } from "../failure.ts";
import { lastTroubles } from "./agent-log.ts";
import type { AgentProcess } from "./agent-process.ts";
import { untilReadyz } from "./health.ts";

const READY_DEADLINE_MS = 60_000;

export interface ReadyOptions {
  readonly plane: EmbeddedControlPlane;
  readonly agent: AgentProcess;
  readonly healthUrl: string;
  readonly logFile: string;
  readonly signal: AbortSignal;
}

/**
 * Waits until the agent says that it is ready, to the control plane and over HTTP.
 * @throws {SandboxFailure} when it ends before, or takes longer than a minute: with the last
 * troubles of its log. The signal's reason.
 */
export async function untilReady({ plane, agent, healthUrl, logFile, signal }: ReadyOptions): Promise<Machine> {
  const over = new AbortController();
  void agent.ended.then(({ code, signal: by }) =>
    over.abort(new Error(`The agent ended (${by ?? `exit code ${code}`}) before it was ready.`)),
  );
  using deadline = new Deadline(READY_DEADLINE_MS, signal, over.signal);
  try {
    const machine = await plane.until(() => plane.machines().find(({ observed }) => observed?.phase === Phase.READY), {
      what: "the agent to be ready",
      deadlineMs: READY_DEADLINE_MS,
      signal: deadline.signal,
    });
    await untilReadyz(healthUrl, deadline.signal);
    return machine;
  } catch (failure) {
    signal.throwIfAborted();
    const message = `${messageOf(over.signal.aborted ? over.signal.reason : failure)} Its log says:\n${await lastTroubles(logFile, 10)}`;
    throw new SandboxFailure(EXIT.unavailable, message, failure);
  }
}
