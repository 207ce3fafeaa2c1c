import { access, readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import type { FirstStep, Problem } from "./problem.ts";

/** A configuration file, read but not yet judged. */
export interface TomlFile {
  readonly file: string;
  readonly text: string;
  readonly table: Readonly<Record<string, unknown>>;
}

export const DEFAULT_FILE = "/etc/builder-agent/config.toml";
/** The package brings it. */
const EXAMPLE_FILE = `${DEFAULT_FILE}.example`;

/**
 * Where nobody has written the default file yet, and the package's example is there; undefined
 * elsewhere: whoever configures by flags has no use for it.
 */
export async function firstStep(): Promise<FirstStep | undefined> {
  const isThere = (file: string): Promise<boolean> =>
    access(file).then(
      () => true,
      () => false,
    );
  if ((await isThere(DEFAULT_FILE)) || !(await isThere(EXAMPLE_FILE))) return undefined;
  return { found: `There is no ${DEFAULT_FILE} yet`, next: `cp ${EXAMPLE_FILE} ${DEFAULT_FILE}, and edit it` };
}

/**
 * Reads `file`, which must exist: except the default one, whose absence is no problem. The errors
 * tell where, but never show the text: it may hold what should not be in a log.
 */
export async function readTomlFile(
  file: string,
  mustExist: boolean,
  signal: AbortSignal,
): Promise<TomlFile | Problem | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file, { signal });
  } catch (failure) {
    if (signal.aborted) throw failure;
    if (!mustExist && codeOf(failure) === "ENOENT") return undefined;
    return problemOf(file, unreadable(codeOf(failure)), "a file that this user may read");
  }
  return parseToml(file, bytes);
}

export function parseToml(file: string, bytes: Uint8Array): TomlFile | Problem {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return problemOf(file, "bytes that are not UTF-8", "a TOML file");
  }
  try {
    return { file, text, table: parse(text) };
  } catch (failure) {
    if (!(failure instanceof TomlError)) return problemOf(file, "a text that the parser gave up on", "a TOML file");
    const reason = failure.message.split("\n", 1)[0]?.replace("Invalid TOML document: ", "") ?? "";
    const expected = "a TOML file (https://toml.io)";
    return {
      ...problemOf(file, `${reason} at column ${failure.column}`, expected),
      source: { from: "file", file, line: failure.line },
    };
  }
}

export function isProblem(read: TomlFile | Problem): read is Problem {
  return "expected" in read;
}

function problemOf(file: string, found: string, expected: string): Problem {
  return { key: "", source: { from: "file", file }, found, expected };
}

function unreadable(code: string): string {
  switch (code) {
    case "ENOENT":
      return "no such file";
    case "EACCES":
      return "a file that this user may not read";
    case "EISDIR":
      return "a directory";
    default:
      return `a file that cannot be read (${code})`;
  }
}

function codeOf(failure: unknown): string {
  return failure instanceof Error && "code" in failure ? String(failure.code) : "unknown error";
}
