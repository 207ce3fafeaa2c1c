import { expect, it } from "vitest";
import { unitSeen } from "../../agent/adapters/systemd/own-units.ts";

it.each([
  { told: String.raw`/etc/systemd/system/var-lib-x\x2dy.mount.d/a.conf`, what: "as it is" },
  { told: String.raw`/etc/systemd/system/var-lib-x\\x2dy.mount.d/a.conf`, what: "doubled" },
  { told: String.raw`"/etc/systemd/system/var-lib-x\\x2dy.mount.d/a.conf"`, what: "quoted" },
])("a unit's drop-in is found by its path, whose backslash systemd tells $what", ({ told }) => {
  const { dropIns } = unitSeen("var-lib-builder\\x2dagent-cache.mount", { DropInPaths: `${told} /run/b.conf` });
  expect(dropIns).toEqual([String.raw`/etc/systemd/system/var-lib-x\x2dy.mount.d/a.conf`, "/run/b.conf"]);
});

it("what systemd does not tell of a unit is empty, and not as it should be", () => {
  expect(unitSeen("buildkitd.service", {})).toMatchObject({ load: "", restarts: 0, dropIns: [], isStale: false });
});
