import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openVolume } from "../../agent/adapters/volume/open-volume.ts";
import { runCli } from "../cli/recorded-cli.ts";
import { blankDisk, DISK_BYTES, foreignLuks, hashOf, sh } from "./disk-image.ts";
import { kept, StandInMachine } from "./stand-in-machine.ts";

const KEY = randomBytes(64);
let directory = "";
let disk = "";
let keyFile = "";

beforeEach(async () => {
  directory = await mkdtemp("/tmp/volume-dry-run-");
  disk = await blankDisk(join(directory, "disk"));
  keyFile = join(directory, "key");
  await writeFile(keyFile, KEY);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function dryRun(...more: readonly string[]) {
  const places = ["--paths-runtime-dir", join(directory, "run"), "--paths-state-dir", join(directory, "state")];
  const who = ["--org", "acme", "--project", "web", "--architecture", "amd64", "--volume-id", "cache-1"];
  return runCli(["volume", "open", "--dry-run", ...who, "--device", `file:${disk}`, ...places, ...more]);
}

describe("a dry run", () => {
  it("prints the commands that would make a volume of this boot, and changes nothing", async () => {
    const before = await hashOf(disk);
    const { code, out, err } = await dryRun();
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.replaceAll(disk, "DISK")).toBe(`\
DISK (${DISK_BYTES} bytes) is blank: it would be formatted.
  cryptsetup luksFormat --batch-mode --type luks2 --cipher aes-xts-plain64 --key-size 512 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --hash sha256 --sector-size 4096 --offset 32768 --uuid NEW-UUID --key-file - --keyfile-size 64 DISK   # stdin: 64 bytes of key
  cryptsetup luksDump --dump-json-metadata HEADER-COPY
  cryptsetup luksUUID HEADER-COPY
  cryptsetup open --batch-mode --test-passphrase --type luks2 --key-file - --keyfile-size 64 HEADER-COPY   # stdin: 64 bytes of key
  cryptsetup open --batch-mode --type luks2 --header HEADER-COPY --allow-discards --perf-no_read_workqueue --perf-no_write_workqueue --key-file - --keyfile-size 64 DISK builder-agent-cache   # stdin: 64 bytes of key
  dmsetup table builder-agent-cache
  mkfs.ext4 -q -F -b 4096 -m 0 -i 8192 -e remount-ro -E lazy_itable_init=1,lazy_journal_init=1,nodiscard /dev/mapper/builder-agent-cache
  cryptsetup token import --token-id 0 --json-file - DISK   # stdin: the label
`);
    expect(await hashOf(disk)).toBe(before);
    expect(await readdir(directory)).toEqual(["disk", "key"]);
  });

  it("prints the very commands that an order then runs", async () => {
    const { out } = await dryRun("--key-file", keyFile, "--json");
    const { commands } = JSON.parse(out) as { readonly commands: readonly { readonly argv: readonly string[] }[] };
    await using machine = await StandInMachine.start();
    await openVolume(machine.host(), kept(disk, KEY), () => undefined, new AbortController().signal);
    const uuid = sh("cryptsetup", ["luksUUID", disk]).trim();
    const ran = machine.ran.map(({ command: { program, args } }) =>
      [program, ...args].map((word) =>
        word
          .replace(uuid, "NEW-UUID")
          .replace(machine.mappingPath, "/dev/mapper/builder-agent-cache")
          .replace(/^.*\/header-[0-9a-f-]+$/, "HEADER-COPY"),
      ),
    );
    expect(ran.slice(-commands.length)).toEqual(commands.map(({ argv }) => argv));
  });

  it("prints what would be done with a kept volume, and what only if", async () => {
    await using machine = await StandInMachine.start();
    await openVolume(machine.host(), kept(disk, KEY), () => undefined, new AbortController().signal);
    const before = await hashOf(disk);
    const { code, out } = await dryRun("--key-file", keyFile);
    expect(code).toBe(0);
    expect(out).toMatch(/holds this volume, made \d{4}-.*: it would be opened\.\n/);
    expect(out).toContain("  e2fsck -p /dev/mapper/builder-agent-cache   # only if it was not left in order\n");
    expect(out).not.toContain("luksFormat");
    expect(await hashOf(disk)).toBe(before);
  });

  it.each([
    { of: "LUKS that somebody else made", prepare: () => foreignLuks(disk, KEY), more: [], says: /holds LUKS without/ },
    {
      of: "an unknown file system",
      prepare: () => undefined,
      more: ["--filesystem", "btrfs"],
      says: /"btrfs": this agent knows ext4 and xfs/,
    },
    { of: "a wrong id", prepare: () => undefined, more: ["--org", "a/b"], says: /--org is "a\/b"/ },
    {
      of: "a key that is too short",
      prepare: () => writeFile(keyFile, "short"),
      more: ["--key-file", "KEY"],
      says: /has 5 bytes/,
    },
    {
      of: "a key file that is not there",
      prepare: () => rm(keyFile),
      more: ["--key-file", "KEY"],
      says: /Cannot read the key/,
    },
  ])("says in one sentence why $of is refused, and exits with 65", async ({ prepare, more, says }) => {
    await prepare();
    const { code, out, err } = await dryRun(...more.map((word) => (word === "KEY" ? keyFile : word)));
    expect({ code, out }).toEqual({ code: 65, out: "" });
    expect(err).toMatch(says);
    expect(err).toMatch(/^builder-agent: /);
  });

  it("says it to a program too, with a schema version", async () => {
    foreignLuks(disk, KEY);
    const { code, out } = await dryRun("--json");
    expect(code).toBe(65);
    expect(JSON.parse(out)).toMatchObject({
      schemaVersion: 1,
      plan: { is: "refuse", code: "cache.luks-foreign", retryable: false },
      commands: [],
    });
  });
});

describe("builder-agent volume", () => {
  const places = () => ["--paths-runtime-dir", join(directory, "run"), "--paths-state-dir", join(directory, "state")];

  it("opens nothing by hand: orders come over the socket", async () => {
    const { code, err } = await runCli(["volume", "open", "--org", "acme", "--project", "web"]);
    expect(code).toBe(64);
    expect(err).toContain("--dry-run");
  });

  it("shows that nothing is open, to a person and to a program", async () => {
    const shown = await runCli(["volume", "show", ...places()]);
    expect(shown.code).toBe(1);
    expect(shown.out).toContain("is not open");
    const { code, out } = await runCli(["volume", "show", "--json", ...places()]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      schemaVersion: 1,
      open: false,
      because: "The cache volume is not open: nothing was opened in this boot",
    });
  });

  it("checks that a volume is open, for the unit that stands for it", async () => {
    const { code, err } = await runCli(["volume", "check", ...places()]);
    expect(code).toBe(69);
    expect(err).toContain("The cache volume is not open");
  });

  it("has nothing to close where nothing is open", async () => {
    expect(await runCli(["volume", "close", ...places()])).toMatchObject({ code: 0, out: "No volume was open.\n" });
  });
});
