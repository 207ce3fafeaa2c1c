import { eventually } from "../../journeys/stage/eventually.ts";
import { entriesIn } from "../../nspawn/stage/journal.ts";
import type { Guest } from "../machine/guest.ts";
import { paced } from "../machine/pace.ts";

/** How a volume became the cache, ms by the guest's clock: from the wish until it is mounted. */
export interface OpenedInSteps {
  readonly totalMs: number;
  /**
   * In their order, each as long as it says. "its process" is from the wish to the first, "mount"
   * what follows the last.
   */
  readonly steps: readonly { readonly name: string; readonly tookMs: number }[];
}

/** On a busy machine an emulated journald is late, and not in the order of what was written. */
const JOURNAL_MS = paced(60_000);

/** What was written in this boot of the last opening. @throws {Error} if there was none. */
export async function openedInSteps(guest: Guest): Promise<OpenedInSteps> {
  const words = ["control", "volume"].map((who) => `--identifier=builder-agent-${who}`).join(" ");
  const ask = `journalctl --no-pager --all --output=json --boot ${words}`;
  return eventually("the journal of the volume", async () => told(await guest.run(ask)), JOURNAL_MS);
}

/** Undefined while something is missing. */
function told(journal: string): OpenedInSteps | undefined {
  const lines = entriesIn(journal)
    // When it was written, not when journald has read it.
    .map(({ event, data }) => ({ event, data, atMs: Date.parse(String(data["time"])) }))
    .filter(({ atMs }) => Number.isFinite(atMs))
    .toSorted((a, b) => a.atMs - b.atMs);
  const open = lines.findLast(({ event }) => event === "cache.open");
  const opened = lines.findLast(({ event }) => event === "volume.opened");
  if (open === undefined || opened === undefined) return undefined;
  const wished = lines.findLast(({ event, atMs }) => event === "desired-state.accepted" && atMs <= opened.atMs);
  if (wished === undefined) return undefined;
  const steps = lines
    .filter(({ event, atMs }) => event === "volume.step" && atMs >= wished.atMs && atMs <= opened.atMs)
    .map(({ data, atMs }) => ({ name: String(data["name"]), tookMs: Number(data["tookMs"]), atMs }));
  const [first] = steps;
  if (first === undefined) return undefined;
  return {
    totalMs: open.atMs - wished.atMs,
    steps: [
      { name: "its process", tookMs: first.atMs - first.tookMs - wished.atMs },
      ...steps.map(({ name, tookMs }) => ({ name, tookMs })),
      { name: "mount", tookMs: open.atMs - opened.atMs },
    ],
  };
}
