/**
 * The last day on which each major version of Node.js gets security fixes: nodejs/Release,
 * schedule.json, as of 2026-07-02. Odd ones end soon after the next is there.
 */
const ENDS: Readonly<Record<string, string>> = {
  18: "2025-04-30",
  19: "2023-06-01",
  20: "2026-04-30",
  21: "2024-06-01",
  22: "2027-04-30",
  23: "2025-06-01",
  24: "2028-04-30",
  25: "2026-06-01",
  26: "2029-04-30",
  27: "2030-04-30",
};

/** @param version "v24.21.0". Undefined: a major version that this agent does not know. */
export function nodeEndMs(version: string): number | undefined {
  const [, major = ""] = /^v(\d+)\./.exec(version) ?? [];
  const end = ENDS[major];
  return end === undefined ? undefined : Date.parse(`${end}T00:00:00Z`);
}
