import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

/** What control asks for goes over the first, and is allowed by the second. */
const RESTARTED = [["polkit.service"], ["dbus.service"], ["dbus.service", "polkit.service"]] as const;

async function buildkitPid(): Promise<string> {
  return (await machine().container.show("buildkitd.service", "MainPID")).MainPID;
}

it.each(RESTARTED)(
  "an open build does not notice that %s is restarted, and BuildKit that dies afterwards is started again for the next",
  async (...units) => {
    const { container } = machine();
    const before = await buildkitPid();
    const control = (await container.show("builder-agent-control.service", "MainPID")).MainPID;
    {
      await using held = await machine().holdBuild();
      await container.run("systemctl", ["restart", ...units]);
      await held.finish();
    }
    expect(await buildkitPid()).toBe(before);
    await container.run("systemctl", ["kill", "--kill-whom=main", "--signal=KILL", "buildkitd.service"]);
    await eventually("another buildkitd", async () => !["0", before].includes(await buildkitPid()));
    await machine().readyAgain();
    const mark = `after-${units.join("-")}`.replaceAll(".service", "");
    expect(await machine().buildOnce(mark)).toBe(mark);
    expect((await container.show("builder-agent-control.service", "MainPID")).MainPID).toBe(control);
  },
);

it("changes of units are still told after both were restarted", async () => {
  const { container } = machine();
  const units = async (): Promise<string> => container.run("sh", ["-c", "builder-agent doctor || true"]);
  await container.run("systemctl", ["mask", "builder-agent-gateway.service"]);
  await eventually("the masked unit is told", async () =>
    (await units()).includes("builder-agent-gateway.service is masked"),
  );
  await container.run("systemctl", ["unmask", "builder-agent-gateway.service"]);
  await eventually("it is well again", async () => !(await units()).includes("is masked"));
});
