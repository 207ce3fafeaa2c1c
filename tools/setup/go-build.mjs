import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./child.mjs";
import { findCommand } from "./commands.mjs";
import { EX_UNAVAILABLE, SetupFailed } from "./failure.mjs";
import { readIfThere } from "./tree.mjs";

const BUILD_DEADLINE_MS = 30 * 60_000;
// Go may fetch the toolchain that go.mod asks for before it answers.
const ASK_DEADLINE_MS = 10 * 60_000;

/**
 * Builds every tool of the Go module in `folder` into `target`/bin, which is there whole or not at
 * all. The caller holds the lock.
 * @param {object} build
 * @param {string} build.what
 * @param {string} build.folder
 * @param {readonly string[]} build.settings Each a linker's `-X`.
 * @param {string} build.draft
 * @param {string} build.target
 * @param {string | undefined} build.goarch Another machine's architecture.
 */
export async function buildGoTools({ what, folder, settings, draft, target, goarch }) {
  rmSync(draft, { recursive: true, force: true });
  await run({
    what,
    command: "go",
    args: ["build", "-trimpath", "-ldflags", ["-s -w", ...settings].join(" -X "), "-o", join(draft, "bin/"), "tool"],
    cwd: folder,
    env: { CGO_ENABLED: "0", GOWORK: "off", ...(goarch ? { GOARCH: goarch } : {}) },
    deadlineMs: BUILD_DEADLINE_MS,
    advice:
      "check that the Go module proxy can be reached and that 3 GB of disk are free, then run the same command again",
  });
  rmSync(target, { recursive: true, force: true });
  renameSync(draft, target);
}

/**
 * @param {string} folder Go chooses its toolchain by the go.mod there. @param {string} wanted What
 *   the programs are, for a person.
 */
export async function goVersion(folder, wanted) {
  const least = /^go (\S+)/m.exec(readIfThere(join(folder, "go.mod")))?.[1];
  const refusal = {
    advice: `install Go ${least} or newer, or put ${wanted} on PATH`,
    exitCode: EX_UNAVAILABLE,
  };
  if (!findCommand("go")) throw new SetupFailed(`Go is missing, and is needed to build ${wanted}`, refusal);
  const version = await run({
    what: "go env GOVERSION",
    command: "go",
    args: ["env", "GOVERSION"],
    cwd: folder,
    deadlineMs: ASK_DEADLINE_MS,
    advice: refusal.advice,
  });
  return version.trim();
}
