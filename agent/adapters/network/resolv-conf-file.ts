import { mkdir, open, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** What /etc/resolv.conf often is a link to, in systemd-resolved's directory. */
const STUB = "stub-resolv.conf";

/**
 * Writes a resolv.conf in place, since others have this very file mounted; its time of change says
 * that it is another. The same again leaves it as it is. Whoever reads meanwhile never finds it
 * empty: what is shorter than before is filled up with empty lines, then cut. Beside it lies a link
 * under the name of systemd-resolved's stub, so that its whole directory can be mounted over that
 * one's: the kernel takes a mount away with the file under it, which systemd-resolved replaces at
 * will.
 */
export async function putResolvConf(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  await symlink("resolv.conf", join(dirname(file), STUB)).catch(unlessThere);
  const before = await readFile(file, "utf8").catch(() => undefined);
  if (before === text) return;
  const handle = await open(file, before === undefined ? "w+" : "r+", 0o644);
  try {
    await handle.chmod(0o644);
    await handle.write(text.padEnd(before?.length ?? 0, "\n"), 0);
    await handle.truncate(Buffer.byteLength(text));
  } finally {
    await handle.close();
  }
}

function unlessThere(failure: unknown): void {
  if (!(failure instanceof Error && "code" in failure && failure.code === "EEXIST")) throw failure;
}
