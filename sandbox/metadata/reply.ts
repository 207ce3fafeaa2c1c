import type { IncomingHttpHeaders } from "node:http";

/** A request, as a stand-in sees it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** It is to be answered as an earlier one would have been. */
  readonly isStale: boolean;
}

export interface Reply {
  readonly status: number;
  /** Absent: it is sent without one. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** Answers by itself, or not at all: undefined leaves the request open. */
export type Replier = (asked: Asked) => Promise<Reply | undefined> | Reply | undefined;

export function plain(body: string): Reply {
  return { status: 200, type: "text/plain", body };
}

export function json(body: unknown, status = 200): Reply {
  return { status, type: "application/json; charset=utf-8", body: JSON.stringify(body) };
}

/** An error as web servers make one: a page. */
export function page(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  const body = `<!DOCTYPE html><html><head><title>${status}</title></head><body><h1>${status}</h1></body></html>`;
  return { status, type: "text/html; charset=utf-8", headers, body };
}
