import { AgentError } from "../../../core/errors.ts";
import { within } from "../../../lifecycle/branch.ts";
import type { Clock } from "../../../ports/clock.ts";
import { unreachable } from "./api-error.ts";

/** Each call for itself. */
const CALL_MS = 5_000;
/** The largest answer that means anything is a key's. */
const ANSWER_MAX_CHARS = 64 * 1024;

export interface ApiCall {
  readonly method: "DELETE" | "POST";
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** "/api/v2/…" */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** It holds secrets: nothing of it is repeated anywhere. */
  readonly body?: string | URLSearchParams;
}

export interface ApiAnswer {
  readonly status: number;
  /** Undefined if it is not JSON. */
  readonly json: unknown;
}

/**
 * One call, answered within 5 s or not at all. It follows no redirection: a secret goes where it
 * was meant to. @throws {AgentError} "tailnet.api-unreachable" (retryable).
 */
export async function apiCall(call: ApiCall, clock: Clock, outer: AbortSignal): Promise<ApiAnswer> {
  const { method, baseUrl, path, headers, body } = call;
  try {
    return await within(clock, CALL_MS, outer, async (signal) => {
      const response = await fetch(`${baseUrl}${path}`, {
        method,
        headers: { Accept: "application/json", "User-Agent": "builder-agent", ...headers },
        ...(body !== undefined && { body }),
        redirect: "error",
        signal,
      });
      return { status: response.status, json: parsed(await textOf(response)) };
    });
  } catch (cause) {
    outer.throwIfAborted();
    if (cause instanceof AgentError) throw cause;
    throw unreachable(baseUrl, cause, CALL_MS);
  }
}

async function textOf({ body }: Response): Promise<string> {
  let text = "";
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const piece = await reader?.read();
    if (piece?.value === undefined) return text;
    text += piece.value;
    if (text.length <= ANSWER_MAX_CHARS) continue;
    await reader?.cancel();
    return text;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
