import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { closeVolume } from "../../agent/adapters/volume/close-volume.ts";
import { openVolume } from "../../agent/adapters/volume/open-volume.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { blankDisk } from "./disk-image.ts";
import { perBoot, StandInMachine } from "./stand-in-machine.ts";

const never = new AbortController().signal;

/**
 * A machine on which making the file system lasts until the test lets it: the mapping is open then.
 */
async function inTheMiddle() {
  const machine = await StandInMachine.start();
  const disk = await blankDisk(join(machine.directory, "disk"));
  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let arrived = (): void => undefined;
  const there = new Promise<void>((resolve) => (arrived = resolve));
  machine.before = async ({ program }) => {
    if (program !== "mkfs.ext4") return;
    arrived();
    await held;
  };
  const told = new AbortController();
  const order = openVolume(machine.host(), perBoot(disk), () => undefined, told.signal);
  order.catch(() => undefined);
  await there;
  expect(existsSync(machine.mappingPath)).toBe(true);
  return { machine, disk, order, letGo, told };
}

describe("a close that comes while an order runs", () => {
  it("waits for the order, and then closes what it opened and erases its key slots", async () => {
    const { machine, disk, order, letGo } = await inTheMiddle();
    await using own = new Scope();
    own.own(machine);
    const closed = closeVolume(machine.host(), never);
    letGo();
    expect(await order).toMatchObject({ formatted: true });
    expect(await closed).toEqual({ device: disk, erased: true });
    expect(existsSync(machine.mappingPath)).toBe(false);
    expect(await machine.host().opened.read()).toBeUndefined();
  });

  it("finds nothing open when the order was told to end first, as its unit is by the unit that closes", async () => {
    const { machine, order, letGo, told } = await inTheMiddle();
    await using own = new Scope();
    own.own(machine);
    told.abort(new Error("SIGTERM"));
    const closed = closeVolume(machine.host(), never);
    letGo();
    await expect(order).rejects.toThrow("SIGTERM");
    expect(await closed).toEqual({ erased: false });
    expect(existsSync(machine.mappingPath)).toBe(false);
    expect(await machine.host().opened.read()).toBeUndefined();
  });

  it("closes also what an order left that was killed", async () => {
    const { machine, letGo, told, order } = await inTheMiddle();
    await using own = new Scope();
    own.own(machine);
    // Nothing is tidied after a SIGKILL, and the lock has fallen.
    machine.before = ({ args }) => {
      if (args[0] === "close") throw new Error("killed");
    };
    told.abort(new Error("SIGKILL"));
    letGo();
    await expect(order).rejects.toThrow("SIGKILL");
    expect(existsSync(machine.mappingPath)).toBe(true);
    machine.before = () => undefined;
    await closeVolume(machine.host(), never);
    expect(existsSync(machine.mappingPath)).toBe(false);
  });
});
