import type { BuildIdentity } from "../build-identity.ts";

/** Numbers and words of our own: never a secret, never a name of a customer's file. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A piece of work that is over. Times are Unix ms. */
export interface Span {
  readonly name: string;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  readonly attributes: Attributes;
  /** Why it did not end well, and in one word for whoever counts; absent: it did. */
  readonly failed?: { readonly type: string; readonly because: string };
  readonly events: readonly SpanEvent[];
  readonly parts: readonly Span[];
}

export interface SpanEvent {
  readonly name: string;
  readonly atMs: number;
  readonly attributes: Attributes;
}

/**
 * Spans that are told together. `of` says to what they belong: all sessions of one build are in one
 * trace, whichever machine tells of them.
 */
export interface Trace {
  readonly of:
    | { readonly is: "start" }
    | { readonly is: "reconciliation" }
    | ({ readonly is: "build" } & BuildIdentity);
  readonly root: Span;
}

export function countSpans({ parts }: Span): number {
  return parts.reduce((count, part) => count + countSpans(part), 1);
}
