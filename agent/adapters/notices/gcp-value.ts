import { AgentError } from "../../core/errors.ts";
import type { Metadata } from "../../ports/metadata.ts";
import { notUnderstood } from "./not-understood.ts";

const SERVER = "Google's metadata server";

/** It answers after this though nothing changed, so that one that is gone is noticed. */
const HELD_S = 20;
const LIMIT_MS = 2_000;
const ETAG = /^[\w"/+=-]{1,128}$/;
const NOT_THERE = "is this a machine of Google's cloud? notices.platform says whom to ask";

/**
 * A value of Google's metadata server. Once it is known, the server holds the next answer back
 * until the value is another. Source: Compute Engine's documentation, "View and query VM metadata",
 * wait_for_change.
 */
export class GcpValue {
  readonly #metadata: Metadata;
  readonly #url: URL;
  #etag: string | undefined;

  constructor(metadata: Metadata, baseUrl: string, path: string) {
    this.#metadata = metadata;
    this.#url = new URL(path, baseUrl);
  }

  /**
   * What the value means now, or the next one.
   * @param read undefined: it means nothing, and the next look is not held back for it.
   * @throws {AgentError} "metadata.no-answer", "notices.not-understood"
   */
  async next<T>(read: (text: string) => T | undefined, signal: AbortSignal): Promise<T> {
    const etag = this.#etag;
    // After a failure the value is asked for as it is.
    this.#etag = undefined;
    const url = new URL(this.#url);
    if (etag !== undefined)
      url.search = new URLSearchParams({
        wait_for_change: "true",
        last_etag: etag,
        timeout_sec: String(HELD_S),
      }).toString();
    const question = {
      whom: SERVER,
      method: "GET",
      url,
      headers: { "Metadata-Flavor": "Google" },
      types: ["text/html", "text/plain", "application/text", "application/octet-stream", ""],
      todo: { silent: NOT_THERE, unreachable: NOT_THERE },
    } as const;
    const limitMs = etag === undefined ? LIMIT_MS : HELD_S * 1_000 + LIMIT_MS;
    const answer = await this.#metadata.ask(question, limitMs, signal);
    if (answer.header("metadata-flavor") !== "Google")
      throw new AgentError(
        "metadata.no-answer",
        `${SERVER} (GET ${url.origin}${url.pathname}) answered without Metadata-Flavor: does something else answer there?`,
        { retryable: true },
      );
    const value = read(answer.text.trim());
    if (value === undefined) throw notUnderstood(SERVER, url.pathname.slice("/computeMetadata/v1/".length));
    const given = answer.header("etag");
    if (given !== undefined && ETAG.test(given)) this.#etag = given;
    return value;
  }
}
