import { isNewer } from "./updates.mjs";

/**
 * @typedef {object} TrackedRelease What Debian's security tracker says of one issue in one release.
 * @property {string} status "open", "resolved" or "undetermined"
 * @property {string} [urgency]
 * @property {string} [fixed_version] "0": it never was in Debian.
 */

/**
 * Debian's security tracker as it exports itself: source package → issue → release.
 * @typedef {Readonly<Record<string, Readonly<Record<string, {
 *   releases: Readonly<Record<string, TrackedRelease>> }>>>>} Tracker
 */

/** @typedef {{ source: string, version: string }} Source A source package, as it is installed. */
/** @typedef {{ issue: string, source: string, version: string, fixed: string }} Finding */

/**
 * The issues that Debian knows of in these sources. `fixed`: the version to have; empty where
 * Debian has none yet. What Debian calls unimportant is no issue of a running machine: left out.
 * @param {readonly Source[]} sources
 * @param {Tracker} tracker
 * @param {string} release "bookworm"
 * @returns {readonly Finding[]}
 */
export function issuesIn(sources, tracker, release) {
  return sources.flatMap(({ source, version }) =>
    Object.entries(tracker[source] ?? {}).flatMap(([issue, { releases }]) => {
      const told = releases[release];
      if (!told || told.urgency === "unimportant") return [];
      const fixed = told.status === "resolved" ? (told.fixed_version ?? "") : "";
      const isSafe = fixed !== "" && !isNewer(fixed, version);
      return isSafe ? [] : [{ issue, source, version, fixed }];
    }),
  );
}
