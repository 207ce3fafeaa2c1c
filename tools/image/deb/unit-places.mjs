import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { SetupFailed } from "../../setup/failure.mjs";

const UNIT = "(service|socket|target|mount|slice|timer|path)";

/** Where a file of `systemd/` goes, the first that fits. An empty place: it is for those who read the tree. */
const places = [
  { like: /(^|\/)README\.md$/, to: "" },
  // Not in force: whoever has no device-mapper copies it.
  { like: /^plain-cache\//, to: "usr/share/builder-agent", keeps: Number.POSITIVE_INFINITY },
  { like: /(^|\/)[^/]*sysusers[^/]*\/?[^/]*\.conf$/, to: "usr/lib/sysusers.d" },
  { like: /(^|\/)[^/]*tmpfiles[^/]*\/?[^/]*\.conf$/, to: "usr/lib/tmpfiles.d" },
  { like: /\.rules$/, to: "usr/share/polkit-1/rules.d" },
  { like: new RegExp(`(^|/)[^/]+\\.${UNIT}\\.d/[^/]+\\.conf$`), to: "usr/lib/systemd/system", keeps: 2 },
  { like: new RegExp(`\\.${UNIT}$`), to: "usr/lib/systemd/system" },
];

/** @param {string} file Under `systemd/`. @returns {string} Its path in the package; empty if it has none. */
export function placeOf(file) {
  const place = places.find(({ like }) => like.test(file));
  if (!place)
    throw new SetupFailed(`nobody knows where systemd/${file} belongs in the package`, {
      advice: "add its kind to tools/image/deb/unit-places.mjs",
    });
  return place.to && join(place.to, ...file.split("/").slice(-(place.keeps ?? 1)));
}

/** @param {string} from The folder with the units. @param {string} root The package's. */
export function putUnits(from, root) {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    const place = placeOf(source.slice(from.length + 1));
    if (!place) continue;
    mkdirSync(join(root, dirname(place)), { recursive: true });
    copyFileSync(source, join(root, place));
  }
}
