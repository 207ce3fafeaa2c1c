/** Names as this machine has them. */
export interface Names {
  /**
   * Every address of a host, both families.
   * @throws {AgentError} "names.not-found" (retryable): nobody answers, or nobody knows it.
   */
  addressesOf(host: string, signal: AbortSignal): Promise<readonly string[]>;
}
