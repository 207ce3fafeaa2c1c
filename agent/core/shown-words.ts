import { withoutSecrets } from "./secret.ts";

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;
/** No scheme is longer. Without a limit each letter of a long word would look for its end. */
const ADDRESS = /[a-z0-9+.-]{0,24}:\/\/[^\s"'<>\\]+/gi;
/** A name, or an address in brackets; then perhaps a port. */
const AUTHORITY = /^(?:\[[^\]]*\]|[^:]*)(?::\d{0,5})?$/;

/**
 * A value that is or was meant as an address, as it may be shown: scheme, host, port and path.
 * Whoever puts a password or a token into one puts it before the "@" or behind the "?"; where it
 * cannot be told what is what, nothing but the scheme is shown.
 */
export function shownAddress(text: string): string {
  const [scheme = ""] = SCHEME.exec(text) ?? [];
  const rest = text.slice(scheme.length);
  const at = rest.lastIndexOf("@") + 1;
  if (/[?#;]/.test(rest.slice(0, at))) return `${scheme}…`;
  const [place = ""] = /^[^?#;]*/.exec(rest.slice(at)) ?? [];
  const [authority = ""] = place.split("/");
  if (scheme !== "" && !AUTHORITY.test(authority)) return `${scheme}…`;
  const query = rest.charAt(at + place.length);
  return `${scheme}${at > 0 ? "…@" : ""}${place}${query === "" ? "" : `${query}…`}`;
}

/**
 * Words that quote others, as they may be told: addresses without what may be secret in them, and
 * none of the secrets that this process holds. For what it holds no longer see docs/decisions/0056.
 */
export function shownWords(text: string): string {
  const shown = text.includes("://") ? text.replaceAll(ADDRESS, shownAddress) : text;
  return withoutSecrets(shown);
}
