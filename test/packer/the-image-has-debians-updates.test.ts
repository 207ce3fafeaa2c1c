import { chmod, mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { oldestAndNewest, packageDates } from "../../packer/steps/package-dates.mjs";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { debianComponents } from "../../tools/image/audit/debian-components.mjs";
import { issuesIn } from "../../tools/image/audit/tracker.mjs";
import { compared, isNewer, offersIn } from "../../tools/image/audit/updates.mjs";
import { checkedSum, noteFacts } from "../../tools/image/facts.mjs";
import { inTree } from "../../tools/setup/tree.mjs";
import { command } from "./command.ts";

let temp: TempDir;
let dir: string;
beforeEach(async () => {
  temp = await TempDir.make("/tmp/updates-");
  dir = temp.path;
});
afterEach(() => temp[Symbol.asyncDispose]());

/** A program that notes how it was called, and says what is given. */
async function standIn(name: string, script: string): Promise<void> {
  const file = join(dir, "bin", name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho "${name} $*" >>"${dir}/calls"\n${script}\n`);
  await chmod(file, 0o755);
}

const withStandIns = () => ({ PATH: `${join(dir, "bin")}:${process.env["PATH"]}` });
const calls = async () => (await readFile(join(dir, "calls"), "utf8")).trim().split("\n");

const SECURE = "deb/debian bookworm Debian\\ndeb/security bookworm-security Debian\\n";
const PLAIN = "deb/debian bookworm Debian\\n";

describe("update.sh, on a machine that becomes an image", () => {
  const update = () => command("sh", [inTree("packer/steps/update.sh")], withStandIns());
  const sources = (names: string) => standIn("apt-get", `[ "$1" != indextargets ] || printf '${names}'`);

  it("brings everything up to date, and keeps no older kernel", async () => {
    await sources("bookworm\\nbookworm-security\\n");
    expect(await update()).toMatchObject({ code: 0 });
    const verbs = (await calls()).map((line) => line.split(" ")[1]);
    expect(verbs.slice(-3)).toEqual(["update", "dist-upgrade", "autoremove"]);
  });

  it("relies on the base where there is no source of packages", async () => {
    await sources("");
    expect(await update()).toMatchObject({ code: 0, stdout: "no source of packages: as they came with the base\n" });
    expect(await calls()).toHaveLength(1);
  });

  it("fails where there are sources, and none of security updates", async () => {
    await sources("bookworm\\nbookworm-updates\\n");
    const { code, output } = await update();
    expect(code).toBe(1);
    expect(output).toContain("no source of Debian's security");
  });
});

describe("the base", () => {
  const sources = async (listed: string) => {
    await standIn("apt-get", `printf '${listed}'`);
    const module = JSON.stringify(inTree("tools/image/base/debian-sources.mjs"));
    const print = `import(${module}).then((m) => m.debianSources("bookworm")).then((all) => console.log(all.join("\\n")))`;
    return command(process.execPath, ["--eval", print], withStandIns());
  };

  it("is made of Debian's release and its security updates", async () => {
    const { stdout } = await sources(SECURE);
    expect(stdout).toMatch(/ bookworm main\n.* bookworm-security main\n$/);
  });

  it("is not made on a machine whose apt knows no security updates", async () => {
    const { code, output } = await sources(PLAIN);
    expect(code).not.toBe(0);
    expect(output).toContain("or of its security updates");
  });

  /** Whether the base keeps its name after a bake has asked Debian; runc is in it. */
  const renewed = async (listed: string) => {
    await standIn("apt-get", "true");
    await standIn("apt-cache", `echo '${listed}'`);
    const [base, facts] = ["base/base-tar.mjs", "facts.mjs"].map((file) => JSON.stringify(inTree("tools/image", file)));
    const script = `
      const { baseTar, renewBase } = await import(${base});
      const { noteFacts } = await import(${facts});
      const before = baseTar();
      const packages = [{ name: "runc", version: "1.1.5+ds1-1+deb12u1" }];
      await noteFacts({ file: before, draft: ${JSON.stringify(inTree("package.json"))}, packages });
      await renewBase();
      console.log(before === baseTar() ? "kept" : "made anew");`;
    const env = { ...withStandIns(), XDG_CACHE_HOME: join(dir, "cache") };
    return command(process.execPath, ["--input-type=module", "--eval", script], env);
  };

  it("is made anew where Debian has a newer package than is in it", async () => {
    const { stdout, output } = await renewed("runc | 1.1.5+ds1-1+deb12u2 | m bookworm-security/main");
    expect(stdout).toBe("made anew\n");
    expect(output).toContain("Debian has 1 newer packages (runc 1.1.5+ds1-1+deb12u2)");
  });

  it("is kept where it is as new as Debian", async () => {
    expect(await renewed("runc | 1.1.5+ds1-1+deb12u1 | m bookworm/main")).toMatchObject({ stdout: "kept\n" });
  });

  it("is used only with the bytes that it was made with", async () => {
    const [file, draft] = [join(dir, "base-1.tar"), join(dir, "draft")];
    await writeFile(draft, "all of Debian");
    await noteFacts({ file, draft });
    await writeFile(file, "all of Debian");
    expect(await checkedSum(file)).toMatch(/^[0-9a-f]{64}$/);
    await writeFile(file, "all of debian");
    await expect(checkedSum(file)).rejects.toThrow(/has the SHA-256 [0-9a-f]{64}, but [0-9a-f]{64} was noted/);
  });

  it("is not used where nothing was noted", async () => {
    const file = join(dir, "base-2.tar");
    await writeFile(file, "all of Debian");
    await expect(checkedSum(file)).rejects.toThrow(/but none was noted/);
  });
});

const MADISON = [
  "      runc | 1.1.5+ds1-1+deb12u1 | http://mirror/debian bookworm/main amd64 Packages",
  "      runc | 1.1.5+ds1-1+deb12u2 | http://mirror/security bookworm-security/main amd64 Packages",
  "      runc | 1.3.0 | http://mirror/debian trixie/main amd64 Packages",
  "   openssl | 3.0.17-1 | http://mirror/debian bookworm/main amd64 Packages",
].join("\n");

describe("Debian's newest packages", () => {
  it("are those of the image's own release, by Debian's order of versions", () => {
    const installed = [
      { name: "runc", version: "1.1.5+ds1-1+deb12u1" },
      { name: "openssl", version: "3.0.17-1" },
      { name: "gone", version: "1" },
    ];
    expect(compared(installed, offersIn(MADISON, "bookworm"))).toEqual({
      updates: [
        { name: "runc", version: "1.1.5+ds1-1+deb12u1", newest: "1.1.5+ds1-1+deb12u2", suite: "bookworm-security" },
      ],
      unknown: ["gone"],
    });
  });

  it.each([
    { version: "6.1.192-3", than: "6.1.176-1", newer: true },
    { version: "6.1.9-1", than: "6.1.10-1", newer: false },
    { version: "1.0~rc1", than: "1.0", newer: false },
    { version: "1:0.9", than: "1.0", newer: true },
    { version: "1.0", than: "1.0", newer: false },
  ])("$version against $than", ({ version, than, newer }) => {
    expect(isNewer(version, than)).toBe(newer);
  });
});

const inBookworm = (told: { status: string; urgency?: string; fixed_version?: string }) => ({
  releases: { bookworm: told, sid: { status: "open" } },
});

describe("Debian's security tracker", () => {
  it.each([
    { of: "an open issue", told: { status: "open", urgency: "low" }, found: [""] },
    {
      of: "one that a newer version has fixed",
      told: { status: "resolved", fixed_version: "3.0.18-1" },
      found: ["3.0.18-1"],
    },
    { of: "one that this version has fixed", told: { status: "resolved", fixed_version: "3.0.17-1" }, found: [] },
    { of: "one that was never in Debian", told: { status: "resolved", fixed_version: "0" }, found: [] },
    { of: "one that is unimportant", told: { status: "open", urgency: "unimportant" }, found: [] },
    { of: "one that nobody has judged", told: { status: "undetermined" }, found: [""] },
  ])("$of", ({ told, found }) => {
    const tracker = {
      openssl: { "CVE-2026-1": inBookworm(told) },
      other: { "CVE-2026-2": inBookworm({ status: "open" }) },
    };
    const issues = issuesIn([{ source: "openssl", version: "3.0.17-1" }], tracker, "bookworm");
    expect(issues.map(({ fixed }) => fixed)).toEqual(found);
  });

  it("knows nothing of another release", () => {
    const tracker = { openssl: { "CVE-2026-1": { releases: { sid: { status: "open" } } } } };
    expect(issuesIn([{ source: "openssl", version: "1" }], tracker, "bookworm")).toEqual([]);
  });
});

const PURL = "pkg:deb/debian/libssl3@3.0.17-1%2Bb1?arch=amd64&distro=debian-12.9&upstream=openssl%403.0.17-1";
const BOM = {
  bomFormat: "CycloneDX",
  components: [
    { purl: PURL },
    { purl: "pkg:deb/debian/runc@1.1.5%2Bds1-1%2Bdeb12u1?arch=amd64&distro=debian-12.9" },
    { purl: "pkg:npm/zod@4.0.0" },
    { name: "debian" },
  ],
};

it("Debian's packages in a bill of materials have their sources, where it names them", () => {
  expect(debianComponents(BOM)).toEqual([
    { name: "libssl3", version: "3.0.17-1+b1", source: "openssl", sourceVersion: "3.0.17-1" },
    { name: "runc", version: "1.1.5+ds1-1+deb12u1", source: "runc", sourceVersion: "1.1.5+ds1-1+deb12u1" },
  ]);
});

describe("npm run image -- audit", () => {
  const audit = async (tracker?: object) => {
    await writeFile(join(dir, "bom.json"), JSON.stringify(BOM));
    await writeFile(join(dir, "tracker.json"), JSON.stringify(tracker ?? {}));
    const more = tracker ? ["--tracker", join(dir, "tracker.json")] : [];
    const args = [inTree("tools/image.mjs"), "audit", "--bom", join(dir, "bom.json"), ...more];
    return command(process.execPath, args, withStandIns());
  };
  const debian = async (listed: string) => {
    await standIn("apt-get", "true");
    await standIn("apt-cache", `cat <<'END'\n${listed}\nEND`);
  };
  const current = "libssl3 | 3.0.17-1+b1 | m bookworm/main\nrunc | 1.1.5+ds1-1+deb12u1 | m bookworm/main";

  it("names each package that Debian has newer, and fails", async () => {
    await debian(`${current}\n${MADISON}`);
    const { code, stdout } = await audit();
    expect(code).not.toBe(0);
    expect(stdout).toContain("update   runc 1.1.5+ds1-1+deb12u1 → 1.1.5+ds1-1+deb12u2 (bookworm-security)\n");
    expect(stdout).toContain("not seen Debian's security tracker");
  });

  it("names each issue that Debian has fixed, by the package's source, and fails", async () => {
    await debian(current);
    const { code, stdout } = await audit({
      openssl: { "CVE-2026-1": inBookworm({ status: "resolved", fixed_version: "3.0.18-1" }) },
      runc: { "CVE-2026-2": inBookworm({ status: "open" }) },
    });
    expect(code).not.toBe(0);
    expect(stdout).toContain("fixed    CVE-2026-1 openssl 3.0.17-1 → 3.0.18-1\n");
    expect(stdout).toContain("open     CVE-2026-2 runc 1.1.5+ds1-1+deb12u1\n");
  });

  it("ends well where all is as new as Debian has it, and says what it did not look at", async () => {
    await debian(current);
    const { code, stdout } = await audit({});
    expect(code).toBe(0);
    expect(stdout).toMatch(/^2 packages of Debian's in .*\nnot seen npm packages, Go modules and Node.*\n$/);
  });

  it("says that it saw nothing of Debian's where Debian cannot be asked", async () => {
    await standIn("apt-get", "echo 'Could not resolve host' >&2; exit 100");
    const { stdout } = await audit({});
    expect(stdout).toContain("not seen whether Debian has newer packages: apt-get update failed with exit code 100");
  });

  it("refuses what is no bill of materials", async () => {
    const args = [inTree("tools/image.mjs"), "audit", "--bom", inTree("package.json")];
    const { code, output } = await command(process.execPath, args);
    expect(code).toBe(64);
    expect(output).toContain("package.json is not a bill of materials");
  });
});

it("the manifest's dates are of packages' own files, neither of documents nor of what a machine changes", async () => {
  const put = async (path: string, date: string): Promise<void> => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), "");
    await utimes(join(dir, path), new Date(date), new Date(date));
  };
  const own = (name: string, ...paths: readonly string[]) =>
    writeFile(join(dir, "var/lib/dpkg/info", `${name}.md5sums`), paths.map((path) => `0123  ${path}\n`).join(""));
  await mkdir(join(dir, "var/lib/dpkg/info"), { recursive: true });
  await put("usr/sbin/runc", "2024-02-02T13:53:05Z");
  await put("usr/share/runc/old", "2023-01-01T00:00:00Z");
  await put("usr/share/doc/runc/copyright", "2026-11-01T00:00:00Z");
  await put("boot/vmlinuz", "2026-10-05T00:00:00Z");
  await put("etc/kernel", "2026-11-29T00:00:00Z");
  await put("usr/lib/builder-agent/agent", "2026-11-29T00:00:00Z");
  await own("runc", "usr/sbin/runc", "usr/share/runc/old", "usr/share/doc/runc/copyright");
  await own("linux-image:amd64", "boot/vmlinuz", "etc/kernel", "boot/not-there");
  await own("meta", "usr/share/doc/runc/copyright");
  await own("builder-agent", "usr/lib/builder-agent/agent");
  expect(oldestAndNewest(packageDates(dir))).toEqual({
    oldest: { package: "runc", date: "2024-02-02" },
    newest: { package: "linux-image", date: "2026-10-05" },
  });
});
