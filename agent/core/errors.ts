import { shownWords } from "./shown-words.ts";

/**
 * The root of our errors. The message says what happened, to what, and what to do; `cause` keeps
 * why. `code` is stable and names the part at fault: "identity.refused", "config.invalid".
 */
export class AgentError extends Error {
  readonly code: string;
  /** Whether the same thing, tried again later, may work. */
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { readonly retryable: boolean; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable;
  }
}

/** A failure in one sentence: its message, as it may be told. */
export function inWords(failure: unknown): string {
  return shownWords(failure instanceof Error ? failure.message : String(failure));
}

/** Whether the same thing, tried again later, may work; of what is not ours we assume so. */
export function isPassing(failure: unknown): boolean {
  return !(failure instanceof AgentError) || failure.retryable;
}
