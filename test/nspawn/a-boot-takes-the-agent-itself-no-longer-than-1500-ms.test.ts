import { expect, it } from "vitest";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();
const CONTROL = "builder-agent-control.service";
const OURS = ["builder-agent.socket", "builder-agent-volume.socket", "builder-agent-gateway.service", CONTROL] as const;

/** The agent's own share of a boot, without BuildKit and without a volume's format. */
const BOOT_BAR_MS = 1_500;
const BOOTS = 5;

/** Since the machine's first unit of ours began to start, as the clock of both counts. */
async function ownShareMs(): Promise<number> {
  const starts = await Promise.all(
    OURS.map(async (unit) => {
      const { InactiveExitTimestampMonotonic: at } = await machine().container.show(
        unit,
        "InactiveExitTimestampMonotonic",
      );
      return Number(at) / 1_000;
    }),
  );
  const first = Math.min(...starts);
  const ready = await machine().untilEntry(CONTROL, "agent.ready", first);
  const chapters = ready.data["chapters"] as readonly { readonly name: string; readonly tookMs: number }[];
  const others = chapters.filter(({ name }) => name === "buildkit" || name === "cache-volume");
  expect(others).toHaveLength(2);
  return Math.round(ready.monoMs - first - others.reduce((sum, { tookMs }) => sum + tookMs, 0));
}

// Noise of a shared machine only ever adds: one boot of several under the bar proves it.
it("is ready within 1.5 s of its first unit's start, but for BuildKit's and the cache's", {
  timeout: 180_000,
}, async () => {
  const tookMs = [await ownShareMs()];
  while (Math.min(...tookMs) >= BOOT_BAR_MS && tookMs.length < BOOTS) {
    await machine().reboot();
    tookMs.push(await ownShareMs());
  }
  console.log(`the agent's own share of a boot: ${tookMs.join(", ")} ms`);
  expect(Math.min(...tookMs)).toBeLessThan(BOOT_BAR_MS);
});
