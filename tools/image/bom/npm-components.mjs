/**
 * @typedef {object} Locked A package in package-lock.json.
 * @property {string} version
 * @property {string} [integrity]
 * @property {string} [license]
 * @property {boolean} [dev]
 * @property {readonly string[]} [os]
 * @property {readonly string[]} [cpu]
 */

/** @typedef {{ packages: Readonly<Record<string, Locked>> }} Lock */

/**
 * The npm packages that the agent runs with, as components of a CycloneDX document.
 * @param {Lock} lock The content of package-lock.json.
 * @param {string} cpu As Node names it.
 * @returns {readonly import("./bom.mjs").Component[]}
 */
export function npmComponents({ packages }, cpu) {
  return Object.entries(packages)
    .filter(([path, locked]) => path && !locked.dev && fits(locked.os, "linux") && fits(locked.cpu, cpu))
    .map(([path, { version, integrity, license }]) => {
      const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
      const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
      return {
        type: "library",
        "bom-ref": `${purl}#${path}`,
        name,
        version,
        purl,
        ...(license ? { licenses: [{ expression: license }] } : {}),
        ...(integrity ? { hashes: [hashOfIntegrity(integrity)] } : {}),
      };
    });
}

/** @param {readonly string[] | undefined} allowed @param {string} name */
const fits = (allowed, name) => !allowed || allowed.includes(name);

/** @param {string} integrity "sha512-<base64>" */
function hashOfIntegrity(integrity) {
  const [algorithm = "", digest = ""] = integrity.split(/-(.*)/s);
  return {
    alg: algorithm.toUpperCase().replace("SHA", "SHA-"),
    content: Buffer.from(digest, "base64").toString("hex"),
  };
}
