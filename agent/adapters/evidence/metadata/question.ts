import type { MetadataQuestion } from "../../../ports/metadata.ts";

/** One request to a platform's own service, which may also listen on a socket. */
export interface Question extends MetadataQuestion {
  /** A unix socket in place of the URL's host. */
  readonly socketPath?: string;
}

/** "EC2's … (PUT http://169.254.169.254/latest/api/token)", the beginning of each error. */
export function named({ whom, method, url, socketPath }: Question): string {
  const place = socketPath === undefined ? url.origin : `unix:${socketPath}:`;
  return `${whom} (${method} ${place}${url.pathname})`;
}
