import { readdirSync, readFileSync, statSync } from "node:fs";
import { run } from "../../setup/child.mjs";
import { hashOf } from "../../setup/stamp.mjs";
import { inTree } from "../../setup/tree.mjs";
import { documents } from "./documents.mjs";

const GIT_DEADLINE_MS = 30_000;

/** Everything in the tree that decides what is in the package. */
const SOURCES = [
  "agent",
  "systemd",
  ...Object.keys(documents),
  "tools/image/bom",
  "tools/image/deb",
  "tools/node24",
  "tools/buildkit",
  "tools/bbolt",
  "tools/tailscale",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "LICENSE",
];

/** @param {readonly string[]} paths Files and folders of the tree. */
export function hashOfFiles(paths) {
  const files = paths.flatMap((path) =>
    statSync(inTree(path)).isDirectory()
      ? readdirSync(inTree(path), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => `${entry.parentPath}/${entry.name}`.slice(inTree().length + 1))
      : [path],
  );
  return hashOf(files.toSorted().flatMap((file) => [file, readFileSync(inTree(file), "latin1")]));
}

export const sourceHash = () => hashOfFiles(SOURCES);

/**
 * When the sources were last changed, in seconds: the times of all files in the package, so that it
 * comes out the same again.
 */
export async function sourceEpoch() {
  const given = process.env["SOURCE_DATE_EPOCH"];
  if (given) return Number(given);
  const written = await run({
    what: "git log",
    command: "git",
    args: ["log", "-1", "--format=%ct", "--", ...SOURCES],
    cwd: inTree(),
    deadlineMs: GIT_DEADLINE_MS,
    advice: "in a tree without git, set SOURCE_DATE_EPOCH",
  });
  return Number(written.trim());
}
