import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { SetupFailed } from "../../setup/failure.mjs";

/** Where each folder of `systemd/` lies on a machine. */
const places = {
  system: "usr/lib/systemd/system",
  "sysusers.d": "usr/lib/sysusers.d",
  "tmpfiles.d": "usr/lib/tmpfiles.d",
  polkit: "usr/share/polkit-1/rules.d",
  // In force only where a person copies it.
  "plain-cache": "usr/share/builder-agent/plain-cache",
  evidence: "usr/share/builder-agent/evidence",
};
/** Of the units; they name it as their documentation. */
const README = "usr/share/doc/builder-agent/README.md";

/** @param {string} from The folder with the units. @param {string} root The package's. */
export function putUnits(from, root) {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const file = path.slice(from.length + 1);
    if (!entry.isFile()) continue;
    const place = join(root, placeOf(file));
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(path, place);
  }
}

/** @param {string} file Under `systemd/`. @returns {string} Its path in the package. */
export function placeOf(file) {
  if (file === "README.md") return README;
  const [folder = "", ...rest] = file.split("/");
  const place = Object.entries(places).find(([name]) => name === folder)?.[1];
  if (place && rest.length > 0) return join(place, ...rest);
  throw new SetupFailed(`nobody knows where systemd/${file} belongs on a machine`, {
    advice: "add its folder to tools/image/deb/unit-places.mjs",
  });
}
