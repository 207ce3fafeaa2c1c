import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { packerEnvironment, TEMPLATE } from "../../tools/image/bake/packer.mjs";
import { inTree } from "../../tools/setup/tree.mjs";
import { command } from "./command.ts";

describe("the template", () => {
  let dir: string;
  let deb: string;
  beforeAll(async () => {
    const scope = new Scope();
    dir = scope.own(await TempDir.make("/tmp/packer-")).path;
    deb = join(dir, "builder-agent.deb");
    await writeFile(deb, "");
    return () => scope[Symbol.asyncDispose]();
  });
  const ask = (args: readonly string[]) => command("packer", args, packerEnvironment(dir));
  const validate = (source: string, variables: Readonly<Record<string, string>>) =>
    ask([
      "validate",
      `-only=${source}`,
      ...Object.entries({ deb, ...variables }).flatMap(([name, value]) => ["-var", `${name}=${value}`]),
      TEMPLATE,
    ]);

  it("is formatted", async () => {
    for (const file of ["builder.pkr.hcl", "plugins.pkr.hcl"])
      expect(await ask(["fmt", "-check", "-diff", inTree("packer", file)])).toMatchObject({ code: 0 });
  });

  it.each([
    { source: "qemu.image", variables: { base_image: "base.qcow2", seed: "seed.iso" } },
    { source: "amazon-ebs.amd64", variables: { region: "us-east-1" } },
    { source: "amazon-ebs.arm64", variables: {} },
    { source: "googlecompute.image", variables: { project_id: "project" } },
  ])("is valid for $source, without credentials and offline", async ({ source, variables }) => {
    const { code, output } = await validate(source, variables);
    expect(output).not.toContain("Error:");
    expect(code).toBe(0);
  });

  it.each([
    {
      what: "a variable that it does not have",
      source: "qemu.image",
      variables: { base_image: "b", acelerator: "kvm" },
    },
    { what: "a Google image without a project", source: "googlecompute.image", variables: {} },
    { what: "a package that is not there", source: "amazon-ebs.amd64", variables: { deb: "/nowhere.deb" } },
  ])("refuses $what", async ({ source, variables }) => {
    const { code } = await validate(source, variables);
    expect(code).not.toBe(0);
  });
});

it("keeps what Packer 1.6 does not know out of the template", async () => {
  const template = await readFile(TEMPLATE, "utf8");
  expect(template).not.toMatch(/required_plugins|^packer \{|metadata_options|^data "/m);
  expect(await readFile(inTree("packer/plugins.pkr.hcl"), "utf8")).toContain("required_plugins");
});
