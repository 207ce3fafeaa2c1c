import type { ScannedLine } from "./scan-lines.ts";

/** Where a line is in the journal, its newline included. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

/**
 * A file of lines that survives a crash at any moment: as a whole it is either the old one or the
 * new one. One writer at a time.
 */
export interface Journal {
  /** Everything before it is on disk. */
  readonly durableBytes: number;
  /**
   * Every whole line from the start. What follows the last newline was torn by a crash: it is cut
   * off.
   */
  load(take: (line: ScannedLine) => void): Promise<{ readonly tornBytes: number }>;
  /**
   * Writes whole lines and syncs once. Resolves when all are on disk; if it rejects, the journal is
   * as it was. @throws {AgentError} "records.cannot-write", retryable
   */
  append(chunks: Iterable<Buffer>): Promise<void>;
  /**
   * Replaces everything. If it rejects before `adopted` was called, the journal is as it was.
   * @param adopted called in the moment from which `read` and `durableBytes` are about the new
   *   content.
   * @throws {AgentError} "records.cannot-write", retryable
   */
  replace(chunks: Iterable<Buffer>, adopted: () => void): Promise<void>;
  /** @throws {AgentError} "records.cannot-read" */
  read(place: Place): Buffer;
  close(): Promise<void>;
}
