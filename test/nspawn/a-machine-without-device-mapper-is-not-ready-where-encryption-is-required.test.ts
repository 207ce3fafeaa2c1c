import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine({ requireEncryption: true, awaitReady: false });

it("stays unready, and says why in its health, its status and its log", async () => {
  const { container } = machine();
  const told = await eventually("the agent says why it is not ready", async () => {
    const text = await container.run("sh", ["-c", "builder-agent status || true"]).catch(() => "");
    return /cache-volume: Cannot be opened[^\n]*/.exec(text)?.[0];
  });
  console.log(told);
  expect(told).toMatch(/encryption/);
  await machine().untilEntry("builder-agent-control.service", "cache.not-open");
  const { ActiveState } = await container.show("buildkitd.service", "ActiveState");
  expect(ActiveState).toBe("inactive");
});
