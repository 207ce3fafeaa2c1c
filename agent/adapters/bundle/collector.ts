import { AgentError } from "../../core/errors.ts";

interface Described {
  /** In the archive: a file, or the folder of several. */
  readonly path: string;
  /** What it holds, for `bundle --list`. */
  readonly what: string;
  /**
   * Whether other programs' words are in it, a secret of ours perhaps among them: it is left out
   * where it cannot be searched for each of them.
   */
  readonly isFreeText?: true;
}

/** One document. Ends by `signal` or before; nobody waits for one that does not. */
export interface Document extends Described {
  readonly kind: "document";
  readonly maxBytes: number;
  /** What stays of a longer one. Default: its head. */
  readonly keeps?: "tail";
  readonly collect: (signal: AbortSignal) => AsyncIterable<Uint8Array> | Promise<string>;
}

/** Texts that are each whole: a file each, of a name of its own in the folder. */
export interface Pieces extends Described {
  readonly kind: "pieces";
  readonly maxBytes: number;
  readonly collect: (signal: AbortSignal) => AsyncIterable<Piece>;
}

export interface Piece {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What looks at one thing, and only looks. */
export type Collector = Document | Pieces;

/**
 * It was looked for and is not there: this machine has none. Whatever else a collector throws says
 * that it could not look.
 */
export class NotThere extends AgentError {
  constructor(what: string, cause?: unknown) {
    super("bundle.not-there", what, { retryable: false, ...(cause !== undefined && { cause }) });
  }
}

export function isCode(failure: unknown, ...codes: readonly string[]): boolean {
  return failure instanceof Error && "code" in failure && codes.includes(String(failure.code));
}
