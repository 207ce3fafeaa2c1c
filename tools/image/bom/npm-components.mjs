/**
 * @typedef {object} Locked A package in package-lock.json.
 * @property {string} version
 * @property {string} [integrity]
 * @property {string} [license]
 * @property {Readonly<Record<string, string>>} [dependencies]
 * @property {Readonly<Record<string, string>>} [optionalDependencies]
 * @property {Readonly<Record<string, string>>} [peerDependencies]
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
  const needed = neededByAgent(packages);
  return Object.entries(packages)
    .filter(([path, locked]) => needed.has(path) && fits(locked.os, "linux") && fits(locked.cpu, cpu))
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

/**
 * What the root's own dependencies lead to: the lock file also holds what only the verifier needs,
 * a workspace that is not in the package. @param {Lock["packages"]} packages
 */
function neededByAgent(packages) {
  /** @type {Set<string>} */
  const needed = new Set();
  /** @param {string} from A path in the lock file. */
  const follow = (from) => {
    const { dependencies, optionalDependencies, peerDependencies } = packages[from] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const path = placesFrom(from, name).find((place) => place in packages);
      if (path === undefined || needed.has(path)) continue;
      needed.add(path);
      follow(path);
    }
  };
  follow("");
  return needed;
}

/**
 * Where Node looks for a package, the nearest place first.
 * @param {string} from @param {string} name
 */
function placesFrom(from, name) {
  const places = [];
  for (let at = from; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/"))))
    places.push(`${at}/node_modules/${name}`);
  return [...places, `node_modules/${name}`];
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
