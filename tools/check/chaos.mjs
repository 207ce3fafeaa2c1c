import { seededRun } from "./seeded-run.mjs";

const SHRINK_MINUTES = 4;
/** Set-up, start and end of the machine, the last shorter run to its end. */
const ROOM_MS = (SHRINK_MINUTES + 6) * 60_000;

/** A real machine that builds for two minutes while everything goes wrong. */
export async function chaos() {
  const name = "chaos";
  if (process.getuid?.() === 0)
    return seededRun(name, { roomMs: ROOM_MS, options: ["--shrink-minutes", `${SHRINK_MINUTES}`] });
  return { name, passed: 0, failed: 0, skipped: [{ name, reason: "a real builder needs root" }], tookMs: 0 };
}
