import { shownAddress } from "../../core/shown-words.ts";
import { KEYS, SECTIONS, type SectionName } from "./keys.ts";
import { nearestName } from "./nearest.ts";
import { type Candidate, describeFound, type Gathered, type Problem } from "./problem.ts";
import type { TomlFile } from "./toml-file.ts";

/**
 * The values of a TOML file, each as its own type. What is no key of ours is refused, with the key
 * that was probably meant.
 */
export function fromFile(toml: TomlFile): Gathered {
  const candidates: Candidate[] = [];
  const problems: Problem[] = [];
  for (const [section, content] of Object.entries(toml.table)) {
    const source = sourceOf(toml, section);
    if (!isSection(section)) {
      problems.push({
        key: shown(section),
        source,
        found: "a section that does not exist",
        expected: meant(section, SECTIONS),
      });
    } else if (!isTable(content)) {
      problems.push({
        key: shown(section),
        source,
        found: describeFound(content, true),
        expected: `a section: [${section}]`,
      });
    } else {
      for (const [name, value] of Object.entries(content)) readKey(section, name, value);
    }
  }
  return { candidates, problems };

  function readKey(section: SectionName, name: string, value: unknown): void {
    const source = sourceOf(toml, section, name);
    const key = KEYS.find((known) => known.section === section && known.name === name);
    if (key !== undefined) candidates.push({ key, value, source });
    else
      problems.push({
        key: `${section}.${shown(name)}`,
        source,
        found: "a key that does not exist",
        expected: meantKey(section, name),
      });
  }
}

function meantKey(section: SectionName, name: string): string {
  const names = KEYS.filter((key) => key.section === section).map((key) => key.name);
  const elsewhere = KEYS.filter((key) => key.name === name).map((key) => key.path);
  const nearest = nearestName(name, names);
  return nearest === undefined && elsewhere.length > 0 ? elsewhere.join(" or ") : meant(name, names);
}

function meant(name: string, known: readonly string[]): string {
  return nearestName(name, known) ?? `one of ${known.join(", ")}`;
}

/** A name as TOML writes it, cut short. */
function shown(name: string): string {
  const short = shownAddress(name).slice(0, 64);
  return /^[A-Za-z0-9_-]+$/.test(short) ? short : JSON.stringify(short);
}

function isSection(name: string): name is SectionName {
  return SECTIONS.some((section) => section === name);
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function sourceOf({ file, text }: TomlFile, section: string, name?: string) {
  const line = lineOfKey(text, section, name);
  return line === undefined ? ({ from: "file", file } as const) : ({ from: "file", file, line } as const);
}

const HEADER = /^\s*\[\s*([A-Za-z0-9_-]+)\s*\]\s*(#.*)?$/;
const ASSIGNMENT = /^\s*([A-Za-z0-9_-]+)(?:\s*\.\s*([A-Za-z0-9_-]+))?\s*=/;

/**
 * The line of `section.name` in a TOML text, from 1, for an error to point at; of the section
 * itself when there is no `name`. Reads only the plain ways of writing, and says nothing where a
 * text over several lines could mislead it: no line is better than a wrong one.
 */
function lineOfKey(text: string, section: string, name?: string): number | undefined {
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
