import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Command } from "../../agent/adapters/volume/command.ts";
import { openVolume } from "../../agent/adapters/volume/open-volume.ts";
import type { OpenedVolume, VolumeOrder } from "../../agent/core/volume/order.ts";
import { blankDisk, hashOf, sh, writeAt } from "./disk-image.ts";
import { kept, perBoot, StandInMachine } from "./stand-in-machine.ts";

const KEY = randomBytes(64);
const never = new AbortController().signal;

function ordered(machine: StandInMachine, order: VolumeOrder): Promise<OpenedVolume> {
  return openVolume(machine.host(), order, () => undefined, never);
}

const STEPS: readonly { readonly step: string; readonly is: (command: Command) => boolean }[] = [
  { step: "luksFormat", is: ({ args }) => args[0] === "luksFormat" },
  {
    step: "open",
    is: ({ program, args }) => program === "cryptsetup" && args[0] === "open" && args.at(-1) === "builder-agent-cache",
  },
  { step: "mkfs", is: ({ program }) => program === "mkfs.ext4" },
  { step: "label", is: ({ args }) => args[0] === "token" },
];

/** What is on the disk before the order whose power is cut. */
const BEGINNINGS: readonly {
  readonly from: string;
  readonly begin: (machine: StandInMachine, disk: string) => Promise<unknown>;
}[] = [
  { from: "a blank device", begin: () => Promise.resolve() },
  {
    from: "a per-boot volume of an earlier boot",
    begin: async (machine, disk) => {
      await ordered(machine, perBoot(disk));
      // As if its ciphertext were all over the disk.
      await writeAt(disk, 100 * 1024 * 1024, randomBytes(8 * 1024 * 1024));
      await machine.reboot();
    },
  },
];

/** Nothing works any more from the moment on that `at` says. */
function cutPower(machine: StandInMachine, when: "before" | "after", is: (command: Command) => boolean): void {
  let off = false;
  machine.before = (command) => {
    if (when === "before" && is(command)) off = true;
    if (off) throw new Error("power cut");
  };
  machine.after = (command) => {
    if (when === "after" && is(command)) off = true;
    if (off) throw new Error("power cut");
  };
}

/** What luksFormat does to a disk before it is done. */
const TORN: readonly { readonly with: string; readonly tear: (disk: string) => Promise<void> }[] = [
  {
    with: "the key slots' area overwritten, and no header yet",
    tear: (disk) => writeAt(disk, 32_768, randomBytes(1_048_576)),
  },
  {
    with: "half of the first header",
    tear: async (disk) => {
      await writeAt(disk, 0, Buffer.alloc(16_777_216));
      await writeAt(disk, 0, Buffer.concat([Buffer.from("LUKS\xba\xbe\0\x02", "latin1"), randomBytes(400)]));
    },
  },
];

/**
 * Every step of both kinds over a blank device; over an earlier volume the kind makes no difference
 * any more.
 */
const ROWS = BEGINNINGS.flatMap((beginning, beginningIndex) =>
  STEPS.flatMap((step) =>
    (["before", "after"] as const).flatMap((when) =>
      [perBoot, (disk: string) => kept(disk, KEY)].slice(beginningIndex).map((order) => ({
        ...beginning,
        ...step,
        when,
        order,
        kind: order === perBoot ? "per-boot" : "kept",
      })),
    ),
  ),
);

describe("after a power cut the next order needs nobody's help", () => {
  it.each(ROWS)("$kind over $from, power cut $when $step", async ({ begin, when, is, order, kind, step }) => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await begin(machine, disk);
    cutPower(machine, when, is);
    await expect(ordered(machine, order(disk))).rejects.toThrow("power cut");
    await machine.reboot();

    const opened = await ordered(machine, order(disk));
    // A label that was written is a promise that the volume is whole: a kept one is not made again.
    expect(opened.formatted).toBe(!(kind === "kept" && step === "label" && when === "after"));
    expect(sh("dumpe2fs", ["-h", await machine.plain()])).toContain("Filesystem state:         clean");
    expect(existsSync(join(machine.stateDir, "formatting.json"))).toBe(false);
    await machine.reboot();
    expect((await ordered(machine, order(disk))).formatted).toBe(kind === "per-boot");
  });

  it.each(BEGINNINGS.flatMap((beginning) => TORN.map((torn) => ({ ...beginning, ...torn }))))(
    "over $from, power cut within luksFormat: $with",
    async ({ begin, tear }) => {
      await using machine = await StandInMachine.start();
      const disk = await blankDisk(join(machine.directory, "disk"));
      await begin(machine, disk);
      cutPower(machine, "before", ({ args }) => args[0] === "luksFormat");
      await expect(ordered(machine, kept(disk, KEY))).rejects.toThrow("power cut");
      await tear(disk);
      await machine.reboot();
      expect((await ordered(machine, kept(disk, KEY))).formatted).toBe(true);
    },
  );

  it("but what came onto the disk afterwards by other hands is not taken for the rest of a formatting", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    cutPower(machine, "before", ({ args }) => args[0] === "luksFormat");
    await expect(ordered(machine, kept(disk, KEY))).rejects.toThrow("power cut");
    await machine.reboot();
    await writeAt(disk, 100 * 1024 * 1024, randomBytes(16 * 1024 * 1024));
    const before = await hashOf(disk);
    await expect(ordered(machine, kept(disk, KEY))).rejects.toMatchObject({ code: "cache.unrecognised-data" });
    expect(await hashOf(disk)).toBe(before);
  });

  it("and an order that was killed, in the same boot, leaves an open volume that the next one closes first", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    cutPower(machine, "after", ({ program }) => program === "mkfs.ext4");
    await expect(ordered(machine, perBoot(disk))).rejects.toThrow("power cut");
    machine.before = () => undefined;
    machine.after = () => undefined;
    expect(await machine.host().mappings.look(never)).toBeDefined();
    const opened = await ordered(machine, perBoot(disk));
    expect(opened.formatted).toBe(true);
    expect(opened.steps.map(({ name }) => name)).toEqual(expect.arrayContaining(["close-leftover", "luks-format"]));
  });
});
