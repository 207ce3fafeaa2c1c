import { seededRun } from "./seeded-run.mjs";

/** The last day to its end, and shrinking what was found. */
const ROOM_MS = 6 * 60_000;

/** The control process simulated for two minutes. */
export const simulate = () => seededRun("simulate", { roomMs: ROOM_MS });
