import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../setup/child.mjs";

const DEADLINE_MS = 10 * 60_000;

/**
 * Packs a staged root into a .deb that comes out the same, byte for byte, from the same content.
 * @param {object} of
 * @param {string} of.root Its files as they will lie under /; DEBIAN/ is added to it.
 * @param {Readonly<Record<string, string>>} of.fields Of the control file; Installed-Size is added.
 * @param {Readonly<Record<string, string>>} of.scripts postinst, prerm, postrm: their text.
 * @param {number} of.epochSeconds What no time in it is later than.
 * @param {string} of.target
 */
export async function pack({ root, fields, scripts, epochSeconds, target }) {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted();
  const sizeKib = files.reduce((sum, file) => sum + Math.ceil(statSync(join(root, file)).size / 1024), 0);
  const debian = join(root, "DEBIAN");
  mkdirSync(debian);
  const control = Object.entries({ ...fields, "Installed-Size": String(sizeKib) });
  writeFileSync(join(debian, "control"), control.map(([name, value]) => `${name}: ${value}\n`).join(""));
  writeFileSync(join(debian, "md5sums"), files.map((file) => `${md5(join(root, file))}  ${file}\n`).join(""));
  const kept = files.filter((file) => file.startsWith("etc/"));
  if (kept.length > 0) writeFileSync(join(debian, "conffiles"), kept.map((file) => `/${file}\n`).join(""));
  for (const [name, text] of Object.entries(scripts)) writeFileSync(join(debian, name), text, { mode: 0o755 });
  setModes(root);
  await run({
    what: "dpkg-deb",
    command: "dpkg-deb",
    args: ["--root-owner-group", "-Zzstd", "-z9", "--build", root, target],
    env: { SOURCE_DATE_EPOCH: String(epochSeconds) },
    deadlineMs: DEADLINE_MS,
  });
}

/** Whatever the umask of who builds is. @param {string} root */
function setModes(root) {
  chmodSync(root, 0o755);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644);
  }
}

/** What dpkg --verify compares with. @param {string} file */
const md5 = (file) => createHash("md5").update(readFileSync(file)).digest("hex");
