import { chmod, cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { commandsOf, UNIT_FILES } from "./units.ts";

/**
 * A root file system with this machine's own units, ours, what `dropIns` has for them, and every
 * program that ours name.
 */
export async function unitRoot(dropIns?: string): Promise<TempDir> {
  const root = await TempDir.make("/tmp/units-");
  const units = join(root.path, "usr/lib/systemd/system");
  await cp("/usr/lib/systemd/system", units, { recursive: true, verbatimSymlinks: true });
  await cp(inTree("systemd/system"), units, { recursive: true });
  if (dropIns !== undefined) await cp(dropIns, join(root.path, "etc/systemd/system"), { recursive: true });
  const programs = new Set(["/usr/bin/install", ...UNIT_FILES.flatMap(commandsOf).map(([program]) => program ?? "")]);
  for (const program of programs) {
    const path = join(root.path, program);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "");
    await chmod(path, 0o755);
  }
  return root;
}
