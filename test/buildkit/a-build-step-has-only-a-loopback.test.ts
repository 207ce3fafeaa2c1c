import { beforeEach, describe, expect, it } from "vitest";
import { RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

describe("a build step", () => {
  beforeEach(({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
  });

  it("sees no network device but lo", async () => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    const output = await bench.build(['RUN ["/bin/busybox","sh","-c","busybox cat /proc/net/dev; busybox ip route"]']);
    const devices = [...output.matchAll(/^#\d+ [\d.]+ +(\S+):/gm)].map(([, device]) => device);
    expect(devices).toEqual(["lo"]);
  });

  it.each([
    { flag: "--network=host", entitlement: "network.host" },
    { flag: "--security=insecure", entitlement: "security.insecure" },
  ])("is refused with $flag, even if the client allows it", async ({ flag, entitlement }) => {
    await using bench = await RealBuildkit.make();
    await bench.up();
    await expect(bench.build([`RUN ${flag} ["/bin/busybox","true"]`], ["--allow", entitlement])).rejects.toThrow(
      `${entitlement} is not allowed`,
    );
  });
});
