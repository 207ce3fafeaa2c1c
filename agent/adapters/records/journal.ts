import type { ScannedLine } from "./scan-lines.ts";

/** Where a line is in the journal, its newline included. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

/** A file of lines that survives a crash at any moment: as a whole it is either the old one or the new one. One writer at a time. */
export interface Journal {
  /** Everything before it is on disk. */
  readonly durableBytes: number;
  /** Every whole line from the start. What follows the last newline was torn by a crash: it is cut off. */
  load(take: (line: ScannedLine) => void): Promise<{ readonly tornBytes: number }>;
  /** Resolves when the lines are on disk. If it rejects, the journal is as it was. @throws {AgentError} "records.cannot-write", retryable */
  append(lines: Buffer): Promise<void>;
  /** Replaces everything; if it rejects, nothing. @throws {AgentError} "records.cannot-write", retryable */
  replace(chunks: Iterable<Buffer>): Promise<void>;
  /** @throws {AgentError} "records.cannot-read" */
  read(place: Place): Buffer;
  close(): Promise<void>;
}
