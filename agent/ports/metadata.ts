/** One request to a platform's own service. */
export interface MetadataQuestion {
  /** As an operator knows it: "EC2's instance metadata service". */
  readonly whom: string;
  readonly method: "GET" | "POST" | "PUT";
  /** Its query is never repeated in an error: it may hold a nonce. */
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Media types of a true answer, in lower case; "" if it may come without one. */
  readonly types: readonly string[];
  /** Statuses that are answers. Default: 200. */
  readonly answers?: readonly number[];
  /** What an operator can do, where more is known than the status says. "silent": nothing came. */
  readonly todo?: Readonly<Partial<Record<number | "silent" | "unreachable", string>>>;
}

export interface MetadataAnswer {
  readonly status: number;
  /** By its name in lower case. */
  header(name: string): string | undefined;
  /** UTF-8, 64 KiB at most. */
  readonly text: string;
}

/** The metadata service of a platform, asked over plain HTTP. */
export interface Metadata {
  /**
   * One answer, whole, of an expected status and media type. No proxy is asked, no redirection
   * followed, nothing tried again.
   * @param limitMs for the whole answer.
   * @throws {AgentError} "metadata.no-answer"; or the reason with which `signal` was aborted.
   */
  ask(question: MetadataQuestion, limitMs: number, signal: AbortSignal): Promise<MetadataAnswer>;
}
