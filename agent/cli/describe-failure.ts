import { inspect } from "node:util";
import { AgentError } from "../core/errors.ts";
import { shownWords } from "../core/shown-words.ts";

/** A chain of causes longer than this is a loop. */
const DEEPEST_CAUSE = 8;

/**
 * An error for a person: its message, then each cause, one step further in. With `debug`, the stack
 * of the innermost one, where it began.
 */
export function describeFailure(failure: unknown, debug: boolean): string {
  const chain = causes(failure);
  const lines = chain.map((cause, depth) => {
    const text = messageOf(cause);
    return depth === 0 ? text : indent(`because: ${text}`, depth * 2);
  });
  const innermost = chain.at(-1);
  const stack = debug && innermost instanceof Error ? [indent(shownWords(innermost.stack ?? ""), 4)] : [];
  return [...lines, ...stack].join("\n");
}

/** The same for programs, which want an answer on standard output whatever came of it. */
export function failureJson(failure: unknown): Readonly<Record<string, unknown>> {
  const [message = "", ...because] = causes(failure).map(messageOf);
  return { code: failure instanceof AgentError ? failure.code : "defect", message, because };
}

function causes(failure: unknown): readonly unknown[] {
  const chain = [failure];
  for (let last = failure; last instanceof Error && last.cause !== undefined; ) {
    last = last.cause;
    if (chain.length >= DEEPEST_CAUSE) break;
    chain.push(last);
  }
  return chain;
}

function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === "") return cause.errors.map(messageOf).join("; ");
  if (cause instanceof Error) return shownWords(cause.message || cause.name);
  return shownWords(typeof cause === "string" ? cause : inspect(cause, { depth: 1 }));
}

function indent(text: string, by: number): string {
  return text.replaceAll(/^/gm, " ".repeat(by));
}
