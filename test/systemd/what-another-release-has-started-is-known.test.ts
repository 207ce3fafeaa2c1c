import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { installedParts } from "../../agent/adapters/systemd/installed-parts.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { partsOf } from "../../tools/image/deb/parts.mjs";

const UNITS = "usr/lib/systemd/system";
const BIN = "usr/lib/builder-agent/bin";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parts-"));
  put(`${BIN}/buildkitd`, "a large program");
  for (const unit of ["builder-agent-gateway.service", "buildkitd.service"])
    put(`${UNITS}/${unit}`, readFileSync(inTree(`systemd/system/${unit}`)));
  for (const name of ["keep-gateway", "start-buildkitd", "runc"]) {
    mkdirSync(join(root, BIN), { recursive: true });
    cpSync(inTree(`tools/image/deb/files/${name}`), join(root, BIN, name));
  }
});
afterEach(() => rmSync(root, { recursive: true }));

function put(file: string, content: string | Buffer): void {
  mkdirSync(join(root, dirname(file)), { recursive: true });
  writeFileSync(join(root, file), content);
}

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(join(root, file), change(readFileSync(join(root, file), "utf8")));
}

/** What starts now is of the release that was packed before `change`; which parts of it that is. */
function outdatedBy(change: () => void): readonly string[] {
  put("in-force", `${partsOf(root)}run this\n`);
  change();
  put("installed", partsOf(root));
  const inForce = join(root, "in-force");
  const parts = installedParts(join(root, "installed"), { gateway: inForce, buildkit: inForce }, () => "this");
  return (["gateway", "buildkit"] as const).filter((part) => parts.isOutdated(part));
}

it.each([
  ["its unit", `${UNITS}/builder-agent-gateway.service`, "gateway"],
  ["what starts gateways", `${BIN}/keep-gateway`, "gateway"],
  ["its unit", `${UNITS}/buildkitd.service`, "buildkit"],
  ["its program", `${BIN}/buildkitd`, "buildkit"],
  ["what starts it", `${BIN}/start-buildkitd`, "buildkit"],
  ["what starts its steps", `${BIN}/runc`, "buildkit"],
])("%s, %s, has changed: that of %s which runs is of another release", (_what, file, part) => {
  expect(outdatedBy(() => edit(file, (text) => `${text}MemoryMax=1M\n`))).toEqual([part]);
});

it("a comment of a unit changes nothing of what runs", () => {
  const comment = (text: string): string => text.replace("[Service]\n", "[Service]\n# Because.\n\n");
  expect(
    outdatedBy(() => {
      edit(`${UNITS}/builder-agent-gateway.service`, comment);
      edit(`${UNITS}/buildkitd.service`, comment);
    }),
  ).toEqual([]);
});

it("what an earlier run has noted says nothing of the present one", () => {
  put("installed", partsOf(root));
  put("in-force", `${partsOf(root)}run that\n`);
  const inForce = join(root, "in-force");
  const noted = { gateway: inForce, buildkit: inForce };
  expect(installedParts(join(root, "installed"), noted, () => "this").isOutdated("gateway")).toBe(true);
  expect(installedParts(join(root, "installed"), noted, () => "that").isOutdated("gateway")).toBe(false);
});

it("what a release has started that noted nothing is another's, and where no package is nothing is", () => {
  put("installed", partsOf(root));
  const nowhere = join(root, "nowhere");
  const noted = { gateway: nowhere, buildkit: nowhere };
  expect(installedParts(join(root, "installed"), noted).isOutdated("gateway")).toBe(true);
  expect(installedParts(nowhere, noted).isOutdated("gateway")).toBe(false);
});
