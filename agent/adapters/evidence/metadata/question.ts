/** One request to a platform's own service. */
export interface Question {
  /** As an operator knows it: "EC2's instance metadata service". */
  readonly whom: string;
  readonly method: "GET" | "POST" | "PUT";
  /** Its query is never repeated in an error: it may hold a nonce. */
  readonly url: URL;
  /** A unix socket in place of the URL's host. */
  readonly socketPath?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Media types of a true answer, in lower case; "" if it may come without one. */
  readonly types: readonly string[];
  /** Statuses that are answers. Default: 200. */
  readonly answers?: readonly number[];
  /** What an operator can do, where more is known than the status says. "silent": nothing came. */
  readonly todo?: Readonly<Partial<Record<number | "silent" | "unreachable", string>>>;
}

/** "EC2's … (PUT http://169.254.169.254/latest/api/token)", the beginning of each error. */
export function named({ whom, method, url, socketPath }: Question): string {
  const place = socketPath === undefined ? url.origin : `unix:${socketPath}:`;
  return `${whom} (${method} ${place}${url.pathname})`;
}
