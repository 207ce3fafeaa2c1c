import { expect, it } from "vitest";
import { changedSince, thisMachine } from "./net/this-machine.ts";
import { demo, eventually } from "./real-sandbox.ts";
import { needsTailnet } from "./tailnet/needs-tailnet.ts";
import { processesNaming } from "./traces.ts";

needsTailnet("root");

it("fetches a private page by name, only while that is granted, and leaves nothing on this machine", async () => {
  const before = await thisMachine();
  const { exitCode, stdout, stderr } = await demo("--tailnet");
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  expect(stdout.match(/✓ not reached by name: nc: bad address/g)).toHaveLength(2);
  expect(stdout.match(/✓ not reached by address: nc: can't connect/g)).toHaveLength(2);
  expect(stdout).toMatch(/tags {3}tag:builder; ephemeral\n/);
  expect(stdout).toContain("✓ the page says: This page is private.");
  expect(stdout).toContain("✓ the coordination server knows no such node any more");
  expect(await changedSince(before)).toEqual([]);
});

it("stops in the middle when it is interrupted, and leaves nothing on this machine", async () => {
  const before = await thisMachine();
  const running = demo("--tailnet");
  let said = "";
  running.stdout.on("data", (text: Buffer) => (said += text.toString()));
  await eventually("the machine to be a node", () => said.includes("joined, and open") || undefined);
  running.kill("SIGINT");
  const { exitCode, stderr } = await running;
  expect(stderr).toContain("Interrupted");
  expect(exitCode).toBe(130);
  const [dir = "?"] = /\/\S+builder-demo-\w+/.exec(said) ?? [];
  expect(await processesNaming(dir)).toEqual([]);
  expect(await changedSince(before)).toEqual([]);
});
