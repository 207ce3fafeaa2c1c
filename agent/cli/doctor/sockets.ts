import { lstat } from "node:fs/promises";
import { connect } from "node:net";
import { Deadline } from "../../lifecycle/deadline.ts";
import { askAgent } from "../ask-agent.ts";
import type { Layout } from "../layout.ts";
import type { Found } from "./finding.ts";

const CONNECT_MS = 3_000;

/**
 * Whether those answer whom anybody may ask: control, and BuildKit. Not the gateway: whoever
 * connects there takes the place of control.
 */
export function sockets(layout: Layout, signal: AbortSignal): Promise<readonly Found[]> {
  const control = (): Promise<unknown> => askAgent(layout.operatorsSocket, (agent) => agent.health(signal));
  const buildkit = (): Promise<unknown> => connected({ path: layout.buildkitSocket }, signal);
  return Promise.all([
    look("control", layout.operatorsSocket, control, signal),
    look("buildkit", layout.buildkitSocket, buildkit, signal),
  ]);
}

async function look(of: string, path: string, ask: () => Promise<unknown>, signal: AbortSignal): Promise<Found> {
  const name = `socket/${of}`;
  try {
    await lstat(path);
    await ask();
    return { name, state: "ok", evidence: `Somebody answers on ${path}` };
  } catch (failure) {
    signal.throwIfAborted();
    const code = codeOf(failure);
    if (FORBIDDEN.includes(code))
      return { name, state: "unseen", evidence: `This user may not ask on ${path}`, next: "sudo builder-agent doctor" };
    const what = code === "ENOENT" ? "is not there" : `is there, and nobody answers (${code})`;
    return { name, state: "fail", evidence: `${path} ${what}`, next: `builder-agent logs --unit ${of}` };
  }
}

const FORBIDDEN = ["EACCES", "EPERM", "operators.forbidden"];

/** Connects, and says nothing. @throws what the kernel says; ETIMEDOUT after three seconds. */
export async function connected(
  to: { readonly path: string } | { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<void> {
  using limit = new Deadline(CONNECT_MS, signal);
  const tried = connect(to);
  try {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
      limit.signal.addEventListener("abort", giveUp, { once: true });
      if (limit.signal.aborted) giveUp();
      tried.once("connect", resolve).once("error", reject);
    });
  } finally {
    tried.on("error", () => undefined).destroy();
  }
}

export function codeOf(failure: unknown): string {
  return failure instanceof Error && "code" in failure ? String(failure.code) : String(failure);
}
