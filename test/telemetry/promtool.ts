import { spawnSync } from "node:child_process";

/** What promtool finds wrong; "" if nothing. @throws {Error} where it is not found. */
export function promtoolFindings(exposition: string): string {
  const { stdout, stderr, error } = spawnSync("promtool", ["check", "metrics"], {
    input: exposition,
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  return stdout + stderr;
}

/** The rules that our own names keep, checked on every machine: what is wrong, by name. */
export function nameFindings(exposition: string): readonly string[] {
  return [...exposition.matchAll(/^# TYPE (builder_agent_\S+) (\w+)$/gm)].flatMap(([, name = "", type]) => [
    ...((type === "counter") === name.endsWith("_total") ? [] : [`${name}: counters, and only they, end in _total`]),
    ...(/_(ms|milliseconds|kib|mib|mb|percent)(_|$)/.test(name) ? [`${name}: only base units`] : []),
    ...(/^[a-z][a-z0-9_]*$/.test(name) ? [] : [`${name}: lower case and underscores`]),
  ]);
}
