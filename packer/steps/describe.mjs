// Runs on the machine that becomes an image, with the Node that is installed on it: what is in the image, for people (a manifest with digests)
// and for scanners (a CycloneDX bill of materials).
import { spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { oldestAndNewest, packageDates } from "./package-dates.mjs";

const SHARE = "/usr/share/builder-agent";
/** Debian's programs that keep builds and the cache in their place. */
const FROM_DEBIAN = ["/usr/sbin/runc", "/usr/sbin/cryptsetup", "/usr/sbin/nft", "/usr/sbin/dmsetup"];
const FIELDS = ["db:Status-Abbrev", "Package", "Version", "Architecture", "source:Package", "source:Version"];
const CNI = "/usr/lib/cni";

/** @typedef {{ programs: Readonly<Record<string, { path: string, sha256: string }>> }} Own */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the package was made by us.
const own = /** @type {Own} */ (JSON.parse(readFileSync(join(SHARE, "package.json"), "utf8")));
for (const { path, sha256: wanted } of Object.values(own.programs))
  if (sha256(path) !== wanted) throw new Error(`${path} is not what the package brought`);

const debian = dpkgQuery(["-W", "-f", `${FIELDS.map((name) => `\${${name}}`).join("\t")}\n`])
  .map((line) => line.split("\t"))
  .map(([status = "", name = "", version = "", architecture = "", source = "", sourceVersion = ""]) => ({
    status,
    ...{ name, version, architecture, source, sourceVersion },
  }))
  .filter(({ status }) => status.startsWith("ii"));
const debianVersion = /^VERSION_ID="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown";

const kernels = readdirSync("/boot").filter((file) => file.startsWith("vmlinuz-"));
const files = [
  ...FROM_DEBIAN,
  ...readdirSync(CNI).map((file) => join(CNI, file)),
  ...kernels.map((file) => join("/boot", file)),
];
const owners = dpkgQuery(["-S", ...files.flatMap(paths)]).map((line) => line.split(": "));
write("image.json", {
  ...own,
  debian: debianVersion,
  debianPackages: { count: debian.length, ...oldestAndNewest(packageDates("/")) },
  files: Object.fromEntries(files.map((path) => [path, describe(path)])),
});

/** @typedef {{ metadata: { component: object }, components: readonly object[] }} Bom */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- likewise.
const bom = /** @type {Bom} */ (JSON.parse(readFileSync(join(SHARE, "package.cdx.json"), "utf8")));
const packages = debian
  .filter(({ name }) => name !== "builder-agent")
  .map(({ name, version, architecture, source, sourceVersion }) => {
    // Debian's security tracker knows sources.
    const upstream = encodeURIComponent(`${source}@${sourceVersion}`);
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-${debianVersion}&upstream=${upstream}`;
    return { type: "library", "bom-ref": purl, name, version, purl };
  });
const system = { type: "operating-system", "bom-ref": "debian", name: "debian", version: debianVersion };
write("image.cdx.json", {
  ...bom,
  serialNumber: `urn:uuid:${randomUUID()}`,
  metadata: { ...bom.metadata, component: { ...bom.metadata.component, name: "builder-agent image" } },
  components: [...bom.components, system, ...packages],
});

/** @param {string} path */
function describe(path) {
  const owner = owners.find(([, known]) => known !== undefined && paths(path).includes(known))?.[0];
  const found = debian.find(({ name }) => name === owner);
  if (!found) throw new Error(`${path} is of no Debian package`);
  return { package: found.name, version: found.version, sha256: sha256(path) };
}

/** Debian's dpkg knows some files by the path that they had before /bin, /lib and /sbin became links. @param {string} path */
function paths(path) {
  return [path, path.replace(/^\/usr/, "")];
}

/** @param {readonly string[]} args @returns {readonly string[]} Its lines. It says of some paths that it does not know them, and answers for the others. */
function dpkgQuery(args) {
  return spawnSync("dpkg-query", args, { encoding: "utf8" }).stdout.trim().split("\n");
}

/** @param {string} file */
function sha256(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** @param {string} name @param {unknown} content */
function write(name, content) {
  writeFileSync(join(SHARE, name), `${JSON.stringify(content, null, 2)}\n`, { mode: 0o644 });
}
