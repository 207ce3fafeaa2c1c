/**
 * The URI names in Node's text of a SubjectAlternativeName. Node separates names by ", " and writes
 * a comma inside a name as `\u002c` in a quoted JSON string (since CVE-2021-44532), so the split is
 * exact, and a DNS name that says "URI:" stays a DNS name.
 */
export function uriSans(subjectAltName: string | undefined): readonly string[] {
  if (subjectAltName === undefined || subjectAltName === "") return [];
  return subjectAltName
    .split(", ")
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => unquoted(name.slice(PREFIX.length)));
}

const PREFIX = "URI:";

/** A quoted name that is not JSON after all is given as it stands: it will match no build. */
function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
