import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inTree } from "../setup/tree.mjs";

const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * A copy of the work tree as it is now, changes included, in a new folder, which is the caller's to
 * remove.
 */
export function copyOfTree() {
  const scratch = mkdtempSync(join(tmpdir(), "builder-agent-mutants-"));
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = execFileSync("git", args, { cwd: inTree(), encoding: "utf8", maxBuffer: OUTPUT_MAX_BYTES });
  for (const file of listed.split("\0").filter((each) => each && existsSync(inTree(each)))) {
    mkdirSync(dirname(join(scratch, file)), { recursive: true });
    cpSync(inTree(file), join(scratch, file));
  }
  // Read, never written: what tests start as processes of their own is as it was compiled, without
  // mutants.
  for (const folder of ["node_modules", "dist"]) symlinkSync(inTree(folder), join(scratch, folder));
  return scratch;
}
