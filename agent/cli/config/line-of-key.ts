const HEADER = /^\s*\[\s*([A-Za-z0-9_-]+)\s*\]\s*(#.*)?$/;
const ASSIGNMENT = /^\s*([A-Za-z0-9_-]+)(?:\s*\.\s*([A-Za-z0-9_-]+))?\s*=/;

/**
 * The line of `section.name` in a TOML text, from 1, for an error to point at; of the section itself when there is no `name`. Reads only
 * the plain ways of writing, and says nothing where a text over several lines could mislead it: no line is better than a wrong one.
 */
export function lineOfKey(text: string, section: string, name?: string): number | undefined {
  if (text.includes('"""') || text.includes("'''")) return undefined;
  let current: string | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const header = HEADER.exec(line);
    if (header !== null) {
      current = header[1];
      if (name === undefined && current === section) return index + 1;
      continue;
    }
    const assignment = ASSIGNMENT.exec(line);
    if (assignment === null) continue;
    const path = [current, assignment[1], assignment[2]].filter((part) => part !== undefined);
    if (path[0] === section && (name === undefined || path[1] === name)) return index + 1;
  }
  return undefined;
}
