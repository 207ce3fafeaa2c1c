/**
 * The modules in a Go program, as components of a CycloneDX document, from what the linker wrote
 * into the program.
 * @param {string} listing What `go version -m` prints.
 * @returns {readonly import("./bom.mjs").Component[]}
 */
export function goComponents(listing) {
  const rows = listing.split("\n").map((line) => line.trim().split("\t"));
  const compiler = /: go(\S+)/.exec(listing)?.[1] ?? "unknown";
  const modules = rows
    // A replacement follows what it replaces, and is what was compiled.
    .filter(([kind], index) => (kind === "dep" && rows[index + 1]?.[0] !== "=>") || kind === "=>")
    .map(([, name = "", version = ""]) => component(name, version));
  return [component("std", compiler), ...modules];
}

/** @param {string} name @param {string} version @returns {import("./bom.mjs").Component} */
function component(name, version) {
  const purl = `pkg:golang/${name}@${version}`;
  return { type: "library", "bom-ref": purl, name, version, purl };
}
