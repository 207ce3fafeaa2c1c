import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { CLINGING } from "../debug/clinging.ts";
import { processesWith } from "../debug/processes-with.ts";
import { Sitting } from "../debug/sitting.ts";
import { REF } from "./stage/machine.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

/** Grants, sits down, and waits for the shell. */
async function open(command: readonly string[], root = false): Promise<Sitting> {
  const { plane } = machine();
  const [known] = plane.machines();
  if (known === undefined) throw new Error("The machine has not registered");
  const order = { machineId: known.id, user: "ada", grantedBy: "olga", command, root };
  const sitting = new Sitting(plane.debug.grant(REF, order), { columns: 80, rows: 24 });
  return sitting;
}

const units = async (): Promise<string> =>
  (
    await machine().container.run("systemctl", [
      ...["list-units", "--no-legend", "--plain", "builder-agent-terminal*@*.service"],
    ])
  ).trim();

it("of a user without any privilege, under a filter, and gone with all that clung to it", async () => {
  const mark = `mark-${randomUUID()}`;
  const ada = await open([
    "/usr/bin/env",
    `MARK=${mark}`,
    "/bin/bash",
    "-c",
    `id -un; cat /proc/self/status\n${CLINGING}`,
  ]);
  await ada.sees(/clings\r/);
  expect(ada.text).toContain("builder-terminal");
  for (const line of [/^CapEff:\s+0+\r$/m, /^NoNewPrivs:\s+1\r$/m, /^Seccomp:\s+2\r$/m]) expect(ada.text).toMatch(line);
  await expect.poll(async () => (await processesWith(mark)).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(7);
  expect(await units()).toMatch(/^builder-agent-terminal@\S+ +loaded active running/);
  machine().plane.debug.withdraw(REF, ada.line.grantId);
  expect(await ada.ended).toMatchObject({ reason: "grant-withdrawn" });
  expect(await processesWith(mark)).toEqual([]);
  expect(await units()).toBe("");
  await machine().plane.until(() => machine().plane.debug.recordings.all()[0]?.isComplete, { what: "its recording" });
});

it("is gone when the process that holds it is killed", async () => {
  const mark = `mark-${randomUUID()}`;
  const ada = await open(["/usr/bin/env", `MARK=${mark}`, "/bin/bash", "-c", CLINGING]);
  await ada.sees(/clings\r/);
  const [unit = ""] = (await units()).split(" ");
  process.kill(await machine().container.mainPid(unit), "SIGKILL");
  expect(await ada.ended).toMatchObject({ reason: "failed" });
  expect(await processesWith(mark)).toEqual([]);
});

it("is refused as root where the machine's configuration does not allow it", async () => {
  const eve = await open(["/usr/bin/id"], true);
  const told = () =>
    machine()
      .plane.machines()[0]
      ?.observed?.debugTerminals.find(({ grantId }) => grantId === eve.line.grantId)?.reason;
  await machine().plane.until(() => told() === "root-not-allowed", { what: "the refusal" });
  expect(eve.line.streams).toBe(0);
  expect(eve.text).toBe("");
});
