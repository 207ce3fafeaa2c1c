import { Refused } from "./refusal.ts";

/** As much of `fetch` as is used: Node's own fits, and so does one that goes by a proxy. */
export type Fetch = (
  url: string,
  init: {
    readonly method: "GET" | "POST";
    readonly headers: Record<string, string>;
    readonly body?: string;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
  },
) => Promise<{ readonly status: number; readonly body: AsyncIterable<Uint8Array> | null }>;

export interface Exchange {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body?: string;
}

const DEADLINE_MS = 10_000;
const MOST_BYTES = 64 * 1024;

/**
 * One request and its whole answer, in bounded time and bounded memory. Redirects are not followed.
 * @throws {Refused} "platform-unavailable", "platform-refused" (any status but 200),
 * "platform-redirected"
 */
export async function exchange(fetch: Fetch, { url, ...request }: Exchange): Promise<Uint8Array> {
  const overtime = new AbortController();
  const timer = setTimeout(() => {
    overtime.abort(new Error(`no whole answer within ${DEADLINE_MS} ms`));
  }, DEADLINE_MS);
  const isOver = new Promise<never>((_resolve, reject) => {
    overtime.signal.addEventListener("abort", () => reject(new Error("overtime", { cause: overtime.signal.reason })));
  });
  try {
    return await Promise.race([answer(fetch, url, request, overtime.signal), isOver]);
  } catch (failure) {
    if (failure instanceof Refused) throw failure;
    throw new Refused("platform-unavailable", "There was no whole answer of the platform.", failure);
  } finally {
    clearTimeout(timer);
    overtime.abort();
    isOver.catch(() => undefined);
  }
}

async function answer(
  fetch: Fetch,
  url: string,
  request: Omit<Exchange, "url">,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { status, body } = await fetch(url, { ...request, redirect: "manual", signal });
  if (status >= 300 && status < 400)
    throw new Refused("platform-redirected", `The platform answered with a redirect, ${status}.`);
  if (status === 429 || status >= 500)
    throw new Refused("platform-unavailable", `The platform answered with ${status}.`);
  if (status !== 200) throw new Refused("platform-refused", `The platform answered with ${status}.`);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.length;
    if (bytes > MOST_BYTES)
      throw new Refused("platform-refused", `The platform's answer is longer than ${MOST_BYTES} bytes.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
