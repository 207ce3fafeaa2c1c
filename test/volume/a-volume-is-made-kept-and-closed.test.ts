import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { closeVolume, openedVolume } from "../../agent/adapters/volume/close-volume.ts";
import { openVolume } from "../../agent/adapters/volume/open-volume.ts";
import type { OpenedVolume, VolumeOrder } from "../../agent/core/volume/order.ts";
import { blankDisk, DISK_BYTES, hashOf, readAt, sh, writeAt } from "./disk-image.ts";
import { kept, perBoot, StandInMachine, udevDatabase } from "./stand-in-machine.ts";

const KEY = randomBytes(64);
const GIB = 1024 ** 3;
const MIB = 1024 * 1024;
const never = new AbortController().signal;

function ordered(machine: StandInMachine, order: VolumeOrder): Promise<OpenedVolume> {
  return openVolume(machine.host(), order, () => undefined, never);
}

interface Metadata {
  readonly keyslots: Readonly<Record<string, { readonly kdf: unknown; readonly key_size: number }>>;
  readonly tokens: Readonly<Record<string, unknown>>;
  readonly segments: unknown;
}

function metadata(disk: string): Metadata {
  return JSON.parse(sh("cryptsetup", ["luksDump", "--dump-json-metadata", disk])) as Metadata;
}

/** Puts a file into an ext4 that is not mounted. */
async function putFile(machine: StandInMachine, name: string, text: string): Promise<void> {
  const source = join(machine.directory, "source");
  await writeFile(source, text);
  sh("debugfs", ["-w", "-R", `write ${source} ${name}`, await machine.plain()]);
}

async function getFile(machine: StandInMachine, name: string): Promise<string> {
  return sh("debugfs", ["-R", `cat ${name}`, await machine.plain()]);
}

describe("a volume", () => {
  it("of a blank disk has the promised encryption, one key slot at the least iterations, and a whole label", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    const opened = await ordered(machine, kept(disk, KEY));
    expect(opened).toMatchObject({
      encrypted: true,
      device: disk,
      volumeId: "cache-1",
      kind: "kept",
      filesystem: "ext4",
      formatted: true,
      check: "not-needed",
      grownBytes: 0,
      takenOver: false,
    });
    const steps = ["inspect", "record-intent", "luks-format", "read-header", "open", "make-filesystem", "write-label"];
    expect(opened.steps.map(({ name }) => name)).toEqual(steps);
    const { keyslots, tokens, segments } = metadata(disk);
    expect(keyslots).toMatchObject({ 0: { key_size: 64, kdf: { type: "pbkdf2", hash: "sha256", iterations: 1000 } } });
    expect(Object.keys(keyslots)).toEqual(["0"]);
    expect(segments).toMatchObject({ 0: { offset: "16777216", encryption: "aes-xts-plain64", sector_size: 4096 } });
    const owner = { orgId: "acme", projectId: "web", architecture: "amd64" };
    expect(tokens).toMatchObject({ 0: { type: "builder-agent", label: { kind: "kept", owner, volumeId: "cache-1" } } });
  });

  it("that is kept is found again on another machine, with what was in it", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, kept(disk, KEY));
    await putFile(machine, "layer", "cached");
    expect(await closeVolume(machine.host(), never)).toEqual({ device: disk, erased: false });
    const before = await hashOf(disk);
    await machine.reboot();
    const opened = await ordered(machine, kept(disk, KEY));
    expect(opened).toMatchObject({ formatted: false, check: "not-needed", takenOver: false });
    expect(await getFile(machine, "layer")).toBe("cached");
    expect(await hashOf(disk)).toBe(before);
  });

  it("of this boot only is made anew in the next one, and its old key slots are gone", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, perBoot(disk));
    const slot = await readAt(disk, 32_768, 258_048);
    await machine.reboot();
    expect(await ordered(machine, perBoot(disk))).toMatchObject({
      formatted: true,
      kind: "per-boot",
      takenOver: false,
    });
    expect((await readAt(disk, 32_768, 258_048)).equals(slot)).toBe(false);
  });

  it("that is open is taken over by the next order of this boot, and nothing is done to it", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, perBoot(disk));
    machine.mountPoints = ["/var/lib/builder-agent/cache"];
    const before = await hashOf(disk);
    const opened = await ordered(machine, perBoot(disk));
    expect(opened).toMatchObject({ takenOver: true, formatted: false, kind: "per-boot", volumeId: "cache-1" });
    expect(opened.steps.map(({ name }) => name)).toEqual(["inspect"]);
    expect(await hashOf(disk)).toBe(before);
  });

  it("that is open is not exchanged for another one", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, perBoot(disk));
    const other = ordered(machine, perBoot(disk, { volumeId: "cache-2" }));
    await expect(other).rejects.toMatchObject({ code: "cache.other-volume-open", retryable: false });
    expect(await openedVolume(machine.host(), never)).toMatchObject({ volumeId: "cache-1" });
  });

  it("of this boot only dies when it is closed: no key slot is left, and nobody remembers it", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, perBoot(disk));
    expect(await openedVolume(machine.host(), never)).toMatchObject({ kind: "per-boot", device: disk });
    expect(await closeVolume(machine.host(), never)).toEqual({ device: disk, erased: true });
    expect(metadata(disk).keyslots).toEqual({});
    expect(existsSync(machine.mappingPath)).toBe(false);
    await expect(openedVolume(machine.host(), never)).rejects.toMatchObject({ code: "cache.not-open" });
    expect(await closeVolume(machine.host(), never)).toEqual({ erased: false });
  });

  it("of this boot only dies also when it was opened by an order that nobody remembers", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, perBoot(disk));
    await machine.host().opened.forget();
    expect(await closeVolume(machine.host(), never)).toEqual({ device: disk, erased: true });
    expect(metadata(disk).keyslots).toEqual({});
  });

  it("is not closed under what is mounted on it, and can be closed afterwards", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, perBoot(disk));
    machine.mountPoints = ["/var/lib/builder-agent/cache"];
    await expect(closeVolume(machine.host(), never)).rejects.toMatchObject({
      code: "cache.still-in-use",
      retryable: true,
    });
    expect(Object.keys(metadata(disk).keyslots)).toEqual(["0"]);
    machine.mountPoints = [];
    expect(await closeVolume(machine.host(), never)).toMatchObject({ erased: true });
  });

  it("erases no other volume that has taken its device's name meanwhile", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, perBoot(disk));
    sh("cryptsetup", ["luksUUID", "-q", "--uuid", "99999999-2222-3333-4444-555555555555", disk]);
    expect(await closeVolume(machine.host(), never)).toEqual({ device: disk, erased: false });
    expect(Object.keys(metadata(disk).keyslots)).toEqual(["0"]);
  });

  it("is found by the one udev property that it was named by, and a partition does not hide its disk", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    machine.database = udevDatabase({
      [`..${disk}`]: ["E: ID_SERIAL=cache", "S: disk/by-id/virtio-cache"],
      sda: ["E: ID_SERIAL=root"],
    });
    const order = perBoot("", { device: "/dev/disk/by-id/virtio-cache" });
    expect(await ordered(machine, order)).toMatchObject({ device: `/dev/..${disk}`, formatted: true });
    const absent = ordered(machine, perBoot("", { device: "udev:ID_SERIAL=other" }));
    await expect(absent).rejects.toMatchObject({ code: "cache.no-device", retryable: true });
  });

  it("grows with its device", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, kept(disk, KEY));
    await putFile(machine, "layer", "cached");
    await machine.reboot();
    await truncate(disk, GIB);
    const opened = await ordered(machine, kept(disk, KEY));
    expect(opened.grownBytes).toBe(GIB - DISK_BYTES);
    expect(opened.formatted).toBe(false);
    expect(await getFile(machine, "layer")).toBe("cached");
    await machine.reboot();
    expect(await ordered(machine, kept(disk, KEY))).toMatchObject({ grownBytes: 0 });
  });

  it("that was not left in order is checked first", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, kept(disk, KEY));
    await putFile(machine, "layer", "cached");
    sh("debugfs", ["-w", "-R", "set_super_value state 0", await machine.plain()]);
    await machine.reboot();
    const { check, formatted } = await ordered(machine, kept(disk, KEY));
    expect(["clean", "repaired"]).toContain(check);
    expect(formatted).toBe(false);
    expect(await getFile(machine, "layer")).toBe("cached");
  });

  it("with damage is repaired, and what can be kept is kept", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, kept(disk, KEY));
    await putFile(machine, "layer", "cached");
    const plain = await machine.plain();
    sh("debugfs", ["-w", "-R", "clri lost+found", plain]);
    sh("debugfs", ["-w", "-R", "set_super_value state 0", plain]);
    await machine.reboot();
    expect(await ordered(machine, kept(disk, KEY))).toMatchObject({ check: "repaired", formatted: false });
    expect(await getFile(machine, "layer")).toBe("cached");
  });

  it("beyond repair is made anew, because it is a cache, and says so", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await ordered(machine, kept(disk, KEY));
    const plain = await machine.plain();
    await writeAt(plain, 0, randomBytes(560 * MIB));
    await machine.reboot();
    const opened = await ordered(machine, kept(disk, KEY));
    expect(opened).toMatchObject({ check: "rebuilt", formatted: false, volumeId: "cache-1" });
    expect(sh("dumpe2fs", ["-h", await machine.plain()])).toContain("has_journal");
    await machine.reboot();
    expect(await ordered(machine, kept(disk, KEY))).toMatchObject({ check: "not-needed" });
  });

  it("has its key in no command line, no file and no answer", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    const told: string[] = [];
    const order = kept(disk, KEY);
    const opened = await openVolume(machine.host(), order, (step) => told.push(JSON.stringify(step)), never);
    await closeVolume(machine.host(), never);
    await machine.reboot();
    await ordered(machine, kept(disk, KEY));
    const forms = [
      KEY.toString("hex"),
      KEY.toString("base64"),
      KEY.toString("latin1"),
      KEY.subarray(0, 16).toString("latin1"),
    ];
    const words = [...told, JSON.stringify(opened), JSON.stringify(machine.ran.map(({ command }) => command))];
    const places = [machine.stateDir, machine.runtimeDir, machine.directory];
    for (const place of places)
      for (const entry of await readdir(place, { withFileTypes: true }))
        if (entry.isFile() && !entry.name.startsWith("plain-"))
          words.push((await readAt(join(place, entry.name), 0, 17 * MIB)).toString("latin1"));
    for (const form of forms) expect(words.some((word) => word.includes(form))).toBe(false);
    expect(machine.ran.filter(({ input }) => input?.equals(KEY)).length).toBeGreaterThan(3);
  });

  it("of this boot only gets another key each time, and the key's own memory is overwritten", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    const held: Uint8Array[] = [];
    const host = machine.host();
    const watching = {
      ...host,
      run: ((command, signal, stdin) => {
        if (command.stdin === "key" && stdin !== undefined) held.push(stdin);
        return host.run(command, signal, stdin);
      }) satisfies typeof host.run,
    };
    await openVolume(watching, perBoot(disk), () => undefined, never);
    const keys = machine.ran
      .filter(({ command }) => command.stdin === "key")
      .map(({ input }) => input?.toString("hex"));
    await machine.reboot();
    await ordered(machine, perBoot(disk));
    const all = machine.ran.filter(({ command }) => command.stdin === "key").map(({ input }) => input?.toString("hex"));
    expect(new Set(keys).size).toBe(1);
    expect(new Set(all).size).toBe(2);
    expect(held.length).toBeGreaterThan(0);
    for (const memory of held) expect(memory.every((byte) => byte === 0)).toBe(true);
  });
});
