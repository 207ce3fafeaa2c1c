/** Whose clients' files a build takes for its own client's, where BuildKit sees no difference. */
export interface Sharing {
  readonly buildId: string;
  readonly contextGroup: string | undefined;
}

/**
 * The key that a session is announced by instead of the one that it asks for, which tells one
 * client's directories apart. BuildKit compares it whole, at the end of names that a client chooses
 * (its source/local/source.go; after it comes ":metadata", or nothing). An id has no colon: what
 * follows the last one but that is ours, and no other build's or group's.
 */
export function sharedKey({ buildId, contextGroup }: Sharing, asked: string): string {
  return `${asked}:${contextGroup === undefined ? `build/${buildId}` : `group/${contextGroup}`}`;
}
