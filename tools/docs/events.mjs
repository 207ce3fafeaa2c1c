import { pathToFileURL } from "node:url";
import { inTree } from "../setup/tree.mjs";

const HEAD = `# Events of the log

Each line of the log is one event. Its name is stable: what watches a log may rely on it. \`level\`, \`time\`, \`event\`, \`process\` and \`pid\` are on every
line; the fields below are the data, and one with a question mark may be absent. \`err\` is an error: its sentence as \`message\`, its \`code\`, and its
\`causes\`, outermost first. A name that ends in \`Ms\`, \`Bytes\` or \`Pid\` says its unit.

A warning or an error with an \`err\` that comes again and again has its line at first, then at growing intervals of 1 to 15 minutes: with \`count\`, how often
it came since the first, and \`lastsMs\`. Another cause is another line, at once. What ends it has \`failures\` and \`failedForMs\`. At \`log.level = "debug"\` each try
has its line, and each error a \`stack\`. An event has 200 lines at once and one a second after that, so that no
far end fills a disk; but each session, each call that is refused and each line of buildkitd has its own. \`untold\` says how many were left out before this one; at \`debug\` none is. A time in milliseconds such as \`notAfterMs\` stands beside the same in RFC 3339, \`notAfter\`.

Under systemd each line has its priority: \`journalctl -u 'builder-agent-*' -p warning\`. On a terminal lines are for a person (\`log.format\`, \`NO_COLOR\`).

This page is made from \`agent/core/events/\` by \`npm run gen:docs\`.
`;

/** @typedef {import("../../agent/core/events/index.ts").EventGroup} EventGroup */

/** As they were compiled last. @returns {Promise<readonly EventGroup[]>} */
export async function eventsOfTheCode() {
  const { EVENT_GROUPS } = /** @type {typeof import("../../agent/core/events/index.ts")} */ (
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is compiled from the very file that the type names
    await import(pathToFileURL(inTree("dist/agent/core/events/index.js")).href)
  );
  return EVENT_GROUPS;
}

/** A page of Markdown. @param {readonly EventGroup[]} groups */
export function eventsPage(groups) {
  return [HEAD, ...groups.map(section)].join("\n");
}

/** @param {EventGroup} group */
function section({ about, by, events }) {
  const rows = Object.entries(events).map(([name, { at, fields, says }]) => [
    `\`${name}\``,
    at.join(", "),
    fields.map((field) => (field === "*" ? "what it found" : `\`${field}\``)).join(", "),
    says,
  ]);
  const head = ["Event", "Level", "Fields", "What it says"];
  const table = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
  return `## ${about}\n\nLogged by ${by.join(", ")}.\n\n${table}`;
}
