import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const INFO = "var/lib/dpkg/info";

/**
 * When each of Debian's packages was made: the time of its newest file, which dpkg keeps as the
 * maintainer's build set it. Not looked at: /etc, which a machine changes, and documents, which are
 * as old as upstream's. A package that has nothing else is left out, and so is ours.
 * @param {string} root Of the file system.
 * @returns {ReadonlyMap<string, Date>} By the package's name.
 */
export function packageDates(root) {
  /** @type {Map<string, Date>} */
  const dates = new Map();
  for (const list of readdirSync(join(root, INFO)).filter((name) => name.endsWith(".md5sums"))) {
    const times = readFileSync(join(root, INFO, list), "utf8")
      .split("\n")
      .map((line) => line.slice(line.indexOf("  ") + 2))
      .filter((path) => path !== "" && !/^(etc|usr\/share\/doc)\//.test(path))
      .flatMap((path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? []);
    const [name = ""] = list.slice(0, -".md5sums".length).split(":");
    if (times.length > 0 && name !== "builder-agent") dates.set(name, new Date(Math.max(...times)));
  }
  return dates;
}

/**
 * @param {ReadonlyMap<string, Date>} dates
 * @returns {Readonly<Record<"oldest" | "newest", { package: string, date: string }>>} Dates as
 *   "2026-11-29".
 */
export function oldestAndNewest(dates) {
  const byDate = [...dates].toSorted(([, a], [, b]) => a.getTime() - b.getTime());
  const [first, last] = [byDate[0], byDate.at(-1)];
  if (!first || !last) throw new Error("no package of Debian's has a file");
  return { oldest: dated(first), newest: dated(last) };
}

/** @param {readonly [string, Date]} of */
const dated = ([name, date]) => ({ package: name, date: date.toISOString().slice(0, "2026-11-29".length) });
