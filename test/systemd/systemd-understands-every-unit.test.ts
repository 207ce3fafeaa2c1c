import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { said } from "./tool.ts";
import { unitRoot } from "./unit-root.ts";
import { UNIT_FILES } from "./units.ts";

describe.each([
  { machine: "a machine with device-mapper", dropIns: undefined },
  { machine: "a machine with a plain cache", dropIns: inTree("systemd/plain-cache") },
  { machine: "a machine whose control may use its TPM", dropIns: inTree("systemd/evidence/nitro-tpm") },
  { machine: "a machine of Fly.io", dropIns: inTree("systemd/evidence/fly-socket") },
])("on $machine", ({ dropIns }) => {
  let root: TempDir;
  beforeAll(async () => {
    root = await unitRoot(dropIns);
  });
  afterAll(() => root[Symbol.asyncDispose]());

  it.each(UNIT_FILES)("%s has nothing that systemd warns of", async (unit) => {
    const instance = unit.replace("@.", "@7.");
    const path = join(root.path, "usr/lib/systemd/system", instance);
    const { output } = await said("systemd-analyze", ["verify", "--man=no", `--root=${root.path}`, path]);
    expect(output).toBe("");
  });
});
