import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { runCli } from "../cli/recorded-cli.ts";
import { sh } from "./disk-image.ts";
import { LoopDevice, whyNoLoop } from "./loop-device.ts";

const why = await whyNoLoop();

function dryRun(device: LoopDevice) {
  return runCli([
    "volume",
    "open",
    "--dry-run",
    "--org",
    "acme",
    "--project",
    "web",
    "--device",
    `file:${device.path}`,
  ]);
}

describe("a block device", () => {
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });

  it("that is free and blank would be formatted", async () => {
    await using device = await LoopDevice.attach([]);
    const { code, out } = await dryRun(device);
    expect(code).toBe(0);
    expect(out).toMatch(/^\/dev\/loop\d+ \(603979776 bytes\) is blank: it would be formatted\.\n/);
  });

  it("that is mounted is refused, with its place", async () => {
    await using device = await LoopDevice.attach([], (disk) => sh("mkfs.ext4", ["-q", "-F", disk]));
    const place = join(device.directory, "place");
    await mkdir(place);
    sh("mount", [device.path, place]);
    try {
      const { code, err } = await dryRun(device);
      expect(code).toBe(69);
      expect(err).toContain(`${device.path} is mounted on ${place}: it is left as it is`);
    } finally {
      sh("umount", [place]);
    }
  });

  it("that is read-only is refused, also when it is blank", async () => {
    await using device = await LoopDevice.attach(["--read-only"]);
    const { code, err } = await dryRun(device);
    expect(code).toBe(65);
    expect(err).toContain(`${device.path} is read-only`);
  });
});
