import { expect, it } from "vitest";
import type { Stage } from "../journeys/stage/stage.ts";
import type { Outside } from "./outside.ts";
import { storm } from "./storm.ts";

const HOUR_MS = 3_600_000;
const planned = (is: string, atMs: number) => ({ is, atMs, holdsMs: 0, seed: 1 });

it("tells of a fault that cannot be brought, and waits for no other lane's", async () => {
  const said: string[] = [];
  const parts = {
    // Without a network of its own: whoever is to harm it refuses.
    stage: { vm: undefined } as unknown as Stage,
    outside: {} as unknown as Outside,
    running: () => [],
    said: (line: string) => said.push(line),
    signal: new AbortController().signal,
  };
  const faults = [planned("names-gone", 0), planned("reconnected", HOUR_MS)];
  const stormed = await storm({ seed: 1, lengthMs: 2 * HOUR_MS, faults }, parts);
  expect(stormed).toEqual({
    faults: [],
    failures: [expect.objectContaining({ message: expect.stringMatching(/no network of its own/) as string })],
  });
  expect(said).toHaveLength(1);
});
