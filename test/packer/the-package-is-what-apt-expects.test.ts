import { createHash } from "node:crypto";
import { chmod, cp, mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { architectures } from "../../tools/image/deb/architecture.mjs";
import { controlFields } from "../../tools/image/deb/control-fields.mjs";
import { documents } from "../../tools/image/deb/documents.mjs";
import { pack } from "../../tools/image/deb/pack.mjs";
import { placeOf } from "../../tools/image/deb/unit-places.mjs";
import { inTree } from "../../tools/setup/tree.mjs";
import { command } from "./command.ts";

const EPOCH_SECONDS = 1_700_000_000;
const FILES = inTree("tools/image/deb/files");

describe("a package", () => {
  let dir: string;
  let deb: string;
  beforeAll(async () => {
    const scope = new Scope();
    dir = scope.own(await TempDir.make("/tmp/deb-")).path;
    deb = await packed("first");
    return () => scope[Symbol.asyncDispose]();
  });

  async function packed(name: string, change: (root: string) => Promise<void> = async () => {}): Promise<string> {
    const root = join(dir, name);
    const files = {
      "usr/bin/builder-agent": await readFile(join(FILES, "builder-agent")),
      "etc/builder-agent/config.toml.example": await readFile(join(FILES, "config.toml.example")),
      "usr/lib/builder-agent/agent/main.js": "",
    };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(root, dirname(path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    await chmod(join(root, "usr/bin/builder-agent"), 0o755);
    await change(root);
    const target = join(dir, `${name}.deb`);
    const postinst = await readFile(join(FILES, "postinst"), "utf8");
    const fields = controlFields("1.2.3", architectures.arm64);
    await pack({ root, fields, scripts: { postinst }, epochSeconds: EPOCH_SECONDS, target });
    return target;
  }

  it("says what it is, what it needs and how large it is", async () => {
    const { stdout } = await command("dpkg-deb", ["--field", deb]);
    expect(stdout).toMatch(/^Package: builder-agent$/m);
    expect(stdout).toMatch(/^Version: 1\.2\.3$/m);
    expect(stdout).toMatch(/^Architecture: arm64$/m);
    expect(stdout).toMatch(/^Installed-Size: \d+$/m);
    for (const needed of [
      "systemd (>= 252)",
      "runc",
      "cryptsetup-bin",
      "containernetworking-plugins",
      "polkitd",
      "git",
      "xz-utils",
    ])
      expect(stdout).toContain(needed);
  });

  it("belongs to root, whoever built it, and has no mode that it should not have", async () => {
    const { stdout } = await command("dpkg-deb", ["--contents", deb]);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/));
    expect(new Set(rows.map(([, owner]) => owner))).toEqual(new Set(["root/root"]));
    const modes = new Map(rows.map((row) => [row[5], row[0]]));
    expect(modes.get("./usr/bin/builder-agent")).toBe("-rwxr-xr-x");
    expect(modes.get("./etc/builder-agent/config.toml.example")).toBe("-rw-r--r--");
    expect(modes.get("./usr/")).toBe("drwxr-xr-x");
  });

  it("keeps a person's changes under /etc over an upgrade, and can be verified", async () => {
    const control = join(dir, "control");
    await command("dpkg-deb", ["--control", deb, control]);
    expect(await readFile(join(control, "conffiles"), "utf8")).toBe("/etc/builder-agent/config.toml.example\n");
    const sums = (await readFile(join(control, "md5sums"), "utf8")).trim().split("\n");
    expect(sums.map((line) => line.split("  ")[1])).toEqual([
      "etc/builder-agent/config.toml.example",
      "usr/bin/builder-agent",
      "usr/lib/builder-agent/agent/main.js",
    ]);
    const example = createHash("md5")
      .update(await readFile(join(FILES, "config.toml.example")))
      .digest("hex");
    expect(sums[0]).toContain(example);
  });

  it("comes out the same from the same content, whenever and by whomever it is built", async () => {
    const again = await packed("again", async (root) => {
      await chmod(join(root, "usr"), 0o700);
      await chmod(join(root, "usr/lib/builder-agent/agent/main.js"), 0o600);
      await utimes(join(root, "usr/bin/builder-agent"), 1_800_000_000, 1_800_000_000);
    });
    expect(await readFile(again)).toEqual(await readFile(deb));
    const other = await packed("other", (root) => writeFile(join(root, "usr/lib/builder-agent/agent/main.js"), " "));
    expect(await readFile(other)).not.toEqual(await readFile(deb));
  });

  it("takes back what it did when it is packed twice into one folder", async () => {
    await cp(join(dir, "first"), join(dir, "twice"), { recursive: true });
    await expect(
      pack({ root: join(dir, "twice"), fields: {}, scripts: {}, epochSeconds: 0, target: join(dir, "twice.deb") }),
    ).rejects.toThrow("EEXIST");
  });
});

it("has a place for every file of systemd/", async () => {
  const files = await readdir(inTree("systemd"), { recursive: true, withFileTypes: true });
  const paths = files
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(inTree("systemd").length + 1));
  const places = paths.map(placeOf);
  expect(places).toContain("usr/lib/systemd/system/builder-agent-control.service");
  expect(places).toContain("usr/share/polkit-1/rules.d/50-builder-agent.rules");
  expect(places.every((place) => place.startsWith("usr/"))).toBe(true);
  const brought = [...places, ...Object.values(documents)].map((place) => `file:/${place}`);
  const units = await readdir(inTree("systemd/system"));
  const texts = await Promise.all(units.map((unit) => readFile(inTree(`systemd/system/${unit}`), "utf8")));
  const named = texts.flatMap((text) => /^Documentation=(.+)$/m.exec(text)?.[1]?.split(" ") ?? []);
  expect(named.filter((document) => document.startsWith("file:")).length).toBeGreaterThan(2);
  for (const document of named) expect([...brought, "man:builder-agent(8)"]).toContain(document);
  expect(() => placeOf("udev/99-new.rules")).toThrow("nobody knows where systemd/udev/99-new.rules belongs");
});

it("names no unit in its scripts, nor in the image's drop-ins, that is not there", async () => {
  const units = await readdir(inTree("systemd/system"));
  const scripts = await Promise.all(["postinst", "prerm", "postrm"].map((name) => readFile(join(FILES, name), "utf8")));
  const named = scripts.join("\n").match(/builder-agent[\w@-]*\.(?:service|socket|target)/g) ?? [];
  const dropIns = (await readdir(inTree("packer/files/etc/systemd/system"))).map((folder) =>
    folder.replace(/\.d$/, ""),
  );
  expect(named.length).toBeGreaterThan(4);
  for (const name of [...named, ...dropIns.filter((unit) => unit.startsWith("builder-agent"))])
    expect(units).toContain(name);
});
