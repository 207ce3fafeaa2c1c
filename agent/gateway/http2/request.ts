import type { HeaderField } from "./hpack.ts";

/** Of a request's header fields, what is judged. */
export interface RequestHead {
  readonly path: string;
  /** In the order of their coming, names in lower case. */
  readonly fields: ReadonlyMap<string, string>;
}

const PSEUDO = new Set([":method", ":scheme", ":path", ":authority"]);

/** RFC 9110 section 5.6.2, without upper case, as HTTP/2 wants names. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** What Go lets no value have: controls but the tab. */
const CONTROLS = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * Undefined for what is no request, or for one that could be read in two ways: a field before or
 * after its place, one that is there twice among those that say which call this is.
 */
export function requestHead(fields: readonly HeaderField[], judged: ReadonlySet<string>): RequestHead | undefined {
  const found = new Map<string, string>();
  let hasRegular = false;
  for (const [name, value] of fields) {
    const isPseudo = name.startsWith(":");
    if (isPseudo ? hasRegular || !PSEUDO.has(name) : !NAME.test(name)) return undefined;
    if (CONTROLS.test(value)) return undefined;
    hasRegular ||= !isPseudo;
    if (!isPseudo && !judged.has(name)) continue;
    if (found.has(name)) return undefined;
    found.set(name, value);
  }
  const path = found.get(":path");
  return path === undefined ? undefined : { path, fields: found };
}
