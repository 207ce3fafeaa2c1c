import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../agent/adapters/volume/command.ts";
import { readTable } from "../../agent/adapters/volume/mapping-table.ts";
import { openVolume } from "../../agent/adapters/volume/open-volume.ts";
import { canonicalHeader, headerFault } from "../../agent/core/volume/header-form.ts";
import { mappingFault } from "../../agent/core/volume/judge-mapping.ts";
import type { OpenedVolume, VolumeOrder } from "../../agent/core/volume/order.ts";
import { putVolume } from "../vm/machine/labelled-volume.ts";
import { blankDisk, hashOf } from "./disk-image.ts";
import { editHeader } from "./edited-header.ts";
import { METADATA, metadata } from "./facts.ts";
import { kept, OWNER, perBoot, StandInMachine, udevDatabase } from "./stand-in-machine.ts";

const KEY = randomBytes(64);
const never = new AbortController().signal;

function ordered(machine: StandInMachine, order: VolumeOrder): Promise<OpenedVolume> {
  return openVolume(machine.host(), order, () => undefined, never);
}

function isOpen({ program, args }: Command): boolean {
  return program === "cryptsetup" && args[0] === "open" && !args.includes("--test-passphrase");
}

/** Somebody writes to the disk at this very moment. */
function unencrypted(disk: string): Promise<void> {
  return editHeader(disk, ({ segments }) => {
    segments["0"] = { type: "linear", offset: "16777216", size: "dynamic" };
  });
}

async function keptDisk(machine: StandInMachine): Promise<string> {
  const disk = await blankDisk(join(machine.directory, "disk"));
  await ordered(machine, kept(disk, KEY));
  await machine.reboot();
  return disk;
}

describe("a header that changes while a volume is opened", () => {
  it("after it was judged, changes nothing in how the volume is opened", async () => {
    await using machine = await StandInMachine.start();
    const disk = await keptDisk(machine);
    machine.before = (command) => (isOpen(command) ? unencrypted(disk) : undefined);
    expect(await ordered(machine, kept(disk, KEY))).toMatchObject({ formatted: false });
    expect(machine.table).toContain(" crypt aes-xts-plain64 ");
    await machine.reboot();
    await expect(ordered(machine, kept(disk, KEY))).rejects.toMatchObject({ code: "cache.header-altered" });
  });

  it("between two looks at it, is judged again before anything is opened", async () => {
    await using machine = await StandInMachine.start();
    const disk = await keptDisk(machine);
    let looks = 0;
    machine.after = async ({ args }) => {
      if (!args.includes("--test-passphrase")) return;
      looks += 1;
      if (looks === 1) await unencrypted(disk);
    };
    machine.ran.length = 0;
    const order = ordered(machine, kept(disk, KEY));
    await expect(order).rejects.toMatchObject({ code: "cache.header-altered" });
    await expect(order).rejects.toThrow(/says segments\/0\/type "linear"/);
    expect(machine.ran.filter(({ command }) => isOpen(command))).toEqual([]);
  });

  it("as soon as luksFormat has written it, ends the formatting", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    machine.after = ({ args }) => (args[0] === "luksFormat" ? unencrypted(disk) : undefined);
    const order = ordered(machine, kept(disk, KEY));
    await expect(order).rejects.toMatchObject({ code: "cache.header-altered", retryable: false });
    await expect(order).rejects.toThrow(/just written .*"linear"/);
    expect(machine.ran.filter(({ command }) => isOpen(command))).toEqual([]);
  });

  it("leaves no copy of it behind", async () => {
    await using machine = await StandInMachine.start();
    const disk = await keptDisk(machine);
    await ordered(machine, kept(disk, KEY));
    expect((await readdir(machine.runtimeDir)).filter((name) => name.startsWith("header-"))).toEqual([]);
  });
});

describe("a header of another form", () => {
  it("gets no key to try: what a try costs would be said by the header", async () => {
    await using machine = await StandInMachine.start();
    const disk = await keptDisk(machine);
    await editHeader(disk, ({ keyslots }) => {
      for (const slot of Object.values(keyslots)) slot["key_size"] = 32;
    });
    machine.ran.length = 0;
    await expect(ordered(machine, kept(disk, KEY))).rejects.toMatchObject({ code: "cache.header-altered" });
    expect(machine.ran.filter(({ input }) => input !== undefined)).toEqual([]);
  });
});

describe("a volume of an earlier release, whose label does not cover the header", () => {
  it("is opened, with nothing on the disk changed", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    putVolume(disk, { owner: OWNER, volumeId: "cache-1", key: KEY });
    const before = await hashOf(disk);
    expect(await ordered(machine, kept(disk, KEY))).toMatchObject({ formatted: false, volumeId: "cache-1" });
    expect(await hashOf(disk)).toBe(before);
  });

  it("is refused if its header is of another form", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    putVolume(disk, { owner: OWNER, volumeId: "cache-1", key: KEY });
    await unencrypted(disk);
    const order = ordered(machine, kept(disk, KEY));
    await expect(order).rejects.toMatchObject({ code: "cache.header-altered" });
    await expect(order).rejects.toThrow(/not "crypt": it is left as it is; .* wipe it by hand/);
  });
});

describe("what the kernel maps", () => {
  const right = "0 1146880 crypt aes-xts-plain64 :64:logon:cryptsetup:1-d0 0 254:16 32768";
  const options = "4 allow_discards no_read_workqueue no_write_workqueue sector_size:4096";
  const wanted = { device: "254:16", sectorBytes: 4096 };
  it.each([
    { of: "what was ordered", table: `${right} ${options}`, fault: /^as ordered$/ },
    {
      of: "a kernel without its newer options",
      table: `${right} 2 allow_discards sector_size:4096`,
      fault: /^as ordered$/,
    },
    {
      of: "a key that is shown as zeros",
      table: `${right.replace(/:64:\S+/, "0".repeat(128))} ${options}`,
      fault: /^as ordered$/,
    },
    { of: "no encryption", table: "0 1146880 linear 254:16 32768", fault: /is "linear", not one encrypted/ },
    {
      of: "a part that is not encrypted",
      table: `${right} ${options}\n1146880 8 linear 254:16 1179648`,
      fault: /is "crypt, linear"/,
    },
    { of: "nothing", table: "", fault: /is ""/ },
    {
      of: "a cipher that does nothing",
      table: `0 9 crypt cipher_null-ecb - 0 254:16 32768 ${options}`,
      fault: /cipher "cipher_null-ecb"/,
    },
    { of: "half a key", table: `${right.replace(":64:", ":32:")} ${options}`, fault: /key bytes 32, not 64/ },
    { of: "another device", table: `${right.replace("254:16", "254:32")} ${options}`, fault: /device "254:32"/ },
    { of: "another offset", table: `${right.replace("32768", "4096")} ${options}`, fault: /offset in sectors 4096/ },
    { of: "shifted sectors", table: `${right.replace(" 0 254", " 8 254")} ${options}`, fault: /number 8, not 0/ },
    { of: "smaller sectors", table: `${right} 1 allow_discards`, fault: /bytes of a sector 512, not 4096/ },
    {
      of: "an option that changes what is written",
      table: `${right} 2 sector_size:4096 iv_large_sectors`,
      fault: /option "iv_large_sectors"/,
    },
  ])("is compared: $of", ({ table, fault }) => {
    expect(mappingFault(readTable(`${table}\n`), wanted) ?? "as ordered").toMatch(fault);
  });

  it("and is no table: is told", () => {
    expect(() => readTable("0 9 crypt aes\n")).toThrow(expect.objectContaining({ code: "cache.tool-answer" }));
  });

  it("and stands on another device than the header was read from: is closed at once", async () => {
    await using machine = await StandInMachine.start();
    const disk = await keptDisk(machine);
    machine.after = (command) => {
      if (isOpen(command)) machine.table = machine.table.replace(" 0:0 ", " 254:32 ");
    };
    const order = ordered(machine, kept(disk, KEY));
    await expect(order).rejects.toMatchObject({ code: "cache.mapping-differs" });
    await expect(order).rejects.toThrow(/has device "254:32", not "0:0"/);
    expect(await machine.host().mappings.look(never)).toBeUndefined();
  });

  it("and is not what was ordered: is closed at once, before anything reads or writes through it", async () => {
    await using machine = await StandInMachine.start();
    const disk = await keptDisk(machine);
    const before = await hashOf(disk);
    machine.after = (command) => {
      if (isOpen(command)) machine.table = machine.table.replace("aes-xts-plain64", "cipher_null-ecb");
    };
    machine.ran.length = 0;
    const order = ordered(machine, kept(disk, KEY));
    await expect(order).rejects.toMatchObject({ code: "cache.mapping-differs", retryable: false });
    await expect(order).rejects.toThrow(/cipher "cipher_null-ecb", not "aes-xts-plain64"/);
    expect(await machine.host().mappings.look(never)).toBeUndefined();
    const after = machine.ran.slice(machine.ran.findIndex(({ command }) => isOpen(command)));
    expect(after.map(({ command: { program, args } }) => `${program} ${args[0]}`)).toEqual([
      "cryptsetup open",
      "dmsetup table",
      "cryptsetup close",
    ]);
    expect(await hashOf(disk)).toBe(before);
  });
});

const STRANGE = fc.constantFrom("a", '"', "\n", "\u0085", "\u009b", "\ud800", "é");

describe("a header's form", () => {
  const paths = [...METADATA.keys()];

  it("is what luksFormat writes", () => {
    expect(headerFault(METADATA)).toBeUndefined();
  });

  it("has no value that may be missing, and none that may be added", () => {
    fc.assert(
      fc.property(fc.constantFrom(...paths), (path) => {
        const without = new Map([...METADATA].filter(([name]) => name !== path));
        return headerFault(without) !== undefined;
      }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom("segments/0/", "keyslots/0/", "digests/0/", "config/", ""),
        fc.string({ minLength: 1 }),
        (place, name) => METADATA.has(place + name) || headerFault(metadata({ [place + name]: "1" })) !== undefined,
      ),
    );
  });

  it("is told in one line, whatever a stranger wrote into it", () => {
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.string({ unit: STRANGE, minLength: 1 }), (path, value) => {
        const fault = headerFault(metadata({ [path]: value })) ?? "";
        return !/\p{Cc}/u.test(fault) && fault.length < 500;
      }),
    );
  });

  it("is authenticated whole: no two headers have one form", () => {
    const base = canonicalHeader("uuid", METADATA);
    for (const path of paths) expect(canonicalHeader("uuid", metadata({ [path]: "x" }))).not.toBe(base);
    expect(canonicalHeader("another", METADATA)).not.toBe(base);
    expect(canonicalHeader("uuid", new Map([...METADATA].toReversed()))).toBe(base);
  });
});

describe("a disk's image", () => {
  it("is opened by nobody: only a dry run looks at one", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    machine.database = udevDatabase({});
    const host = { ...machine.host(), images: false };
    const order = openVolume(host, perBoot(disk), () => undefined, never);
    await expect(order).rejects.toMatchObject({ code: "cache.no-device" });
    expect(machine.ran).toEqual([]);
  });
});
