import { expect, it } from "vitest";
import { needsStage } from "../journeys/stage/whether.ts";
import { demo, eventually } from "./real-sandbox.ts";
import { processesNaming } from "./traces.ts";

needsStage();

it("builds, records, ends and is refused, and exits 0", async () => {
  const { exitCode, stdout, stderr } = await demo();
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  const chapters = stdout.split("\n").filter((line) => /^\d {2}/.test(line));
  expect(chapters).toHaveLength(6);
  expect(stdout).toMatch(/✓ builds are isolated: from inside their network \d+ ways out were tried/);
  expect(stdout).toContain('✓ index.html says "Bonjour!"');
  expect(stdout).toContain("client-closed");
  expect(stdout).toContain("✓ refused; the gateway's log says why: build-ended");
  expect(stdout).not.toContain("\u001B[");
});

it("stops in the middle when it is interrupted, and leaves nothing behind", async () => {
  const running = demo();
  let said = "";
  running.stdout.on("data", (text: Buffer) => (said += text.toString()));
  await eventually("the build to begin", () => said.includes("#1 ") || undefined);
  running.kill("SIGINT");
  const { exitCode, stderr } = await running;
  expect(exitCode).toBe(130);
  expect(stderr).toContain("Interrupted");
  const [dir = "?"] = /\/\S+builder-demo-\w+/.exec(said) ?? [];
  expect(await processesNaming(dir)).toEqual([]);
});
