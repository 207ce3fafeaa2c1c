import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { inTree } from "../../tools/setup/tree.mjs";
import { command } from "./command.ts";

const install = inTree("packer/install.sh");

async function scripts(): Promise<readonly string[]> {
  const ofPacker = await readdir(inTree("packer"), { recursive: true });
  const ofPackage = ["builder-agent", "postinst", "prerm", "postrm"].map((name) => join("tools/image/deb/files", name));
  const ofBase = ["tools/image/base/finish.sh"];
  return [
    ...ofPacker.filter((file) => file.endsWith(".sh")).map((file) => join("packer", file)),
    ...ofPackage,
    ...ofBase,
  ];
}

it("every script is one that Debian's sh understands", async () => {
  const files = await scripts();
  expect(files.length).toBeGreaterThanOrEqual(10);
  const complaints = await Promise.all(files.map((file) => command("sh", ["-n", inTree(file)])));
  expect(complaints.filter(({ code, output }) => code !== 0 || output !== "")).toEqual([]);
});

it.each([
  { what: "nothing to install", args: [] },
  { what: "a package that is not there", args: ["--image", "/nowhere/builder-agent.deb"] },
  { what: "too much", args: [install, install] },
])("install.sh with $what shows its usage and changes nothing", async ({ args }) => {
  const { code, output } = await command("sh", [install, ...args]);
  expect(code).toBe(64);
  expect(output).toBe("usage: install.sh [--image] <builder-agent.deb>\n");
});

it("install.sh by somebody who is not root says so", async ({ skip }) => {
  if (process.getuid?.() !== 0) skip("becoming somebody who is not root needs root");
  const text = await readFile(install, "utf8");
  const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", text, "install.sh", "/bin/sh"];
  const { code, output } = await command("setpriv", asNobody);
  expect(output).toBe("install.sh: needs root\n");
  expect(code).toBe(77);
});
