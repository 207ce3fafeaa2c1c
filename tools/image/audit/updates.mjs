import { spawnSync } from "node:child_process";
import { run } from "../../setup/child.mjs";
import { SetupFailed } from "../../setup/failure.mjs";

const UPDATE_DEADLINE_MS = 3 * 60_000;
const ASK_DEADLINE_MS = 60_000;

/** @typedef {{ name: string, version: string }} Package A binary package of Debian's. */
/** @typedef {{ name: string, version: string, newest: string, suite: string }} Update */

/**
 * Which of these packages Debian has newer, as far as this machine's apt knows after asking again.
 * @param {readonly Package[]} packages
 * @param {string} suite "bookworm": its updates and security updates count, too.
 * @returns {Promise<{ updates: readonly Update[], unknown: readonly string[] }>} `unknown`: Debian
 * has no package of that name there.
 * @throws {SetupFailed} where Debian cannot be asked.
 */
export async function updatesOf(packages, suite) {
  const advice = "check that Debian's packages can be reached, then run the same command again";
  await run({
    what: "apt-get update",
    command: "apt-get",
    args: ["update", "--quiet"],
    deadlineMs: UPDATE_DEADLINE_MS,
    advice,
  });
  const listed = await run({
    what: "apt-cache madison",
    command: "apt-cache",
    args: ["madison", ...packages.map(({ name }) => name)],
    deadlineMs: ASK_DEADLINE_MS,
    advice,
  });
  return compared(packages, offersIn(listed, suite));
}

/** @typedef {{ version: string, suite: string }} Offer */

/**
 * @param {string} listed What `apt-cache madison` prints: "NAME | VERSION | URI SUITE/COMPONENT
 * ARCHITECTURE Packages".
 * @param {string} suite
 * @returns {ReadonlyMap<string, readonly Offer[]>} By the package's name.
 */
export function offersIn(listed, suite) {
  /** @type {Map<string, Offer[]>} */
  const offers = new Map();
  for (const line of listed.split("\n")) {
    const [name = "", version = "", source = ""] = line.split("|").map((part) => part.trim());
    const release = source.split(" ")[1]?.split("/")[0] ?? "";
    if (release !== suite && !release.startsWith(`${suite}-`)) continue;
    offers.set(name, [...(offers.get(name) ?? []), { version, suite: release }]);
  }
  return offers;
}

/** @param {readonly Package[]} packages @param {ReadonlyMap<string, readonly Offer[]>} offers */
export function compared(packages, offers) {
  const updates = packages.flatMap(({ name, version }) => {
    const newer = (offers.get(name) ?? []).filter((offer) => isNewer(offer.version, version));
    const newest = newer.find((offer) => newer.every((other) => !isNewer(other.version, offer.version)));
    return newest ? [{ name, version, newest: newest.version, suite: newest.suite }] : [];
  });
  return { updates, unknown: packages.map(({ name }) => name).filter((name) => !offers.has(name)) };
}

/** As Debian orders versions. @param {string} version @param {string} than */
export function isNewer(version, than) {
  if (version === than) return false;
  const { status, error } = spawnSync("dpkg", ["--compare-versions", version, "gt", than], {
    timeout: ASK_DEADLINE_MS,
  });
  if (status === 0 || status === 1) return status === 0;
  throw new SetupFailed(`dpkg could not compare the versions ${version} and ${than}`, {
    advice: "this takes a Debian machine",
    cause: error,
  });
}
