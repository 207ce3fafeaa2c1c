import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { AgentProcess } from "../cli/agent-process.ts";
import { Platforms } from "./stage/platforms.ts";

it("tells of a platform that is asked too often in its log, and gathers evidence once it answers", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  await using platforms = await Platforms.open();
  const root = await mkdtemp(join(tmpdir(), "builder-agent-evidence-"));
  const caFile = join(root, "ca.pem");
  await writeFile(caFile, plane.caPem);
  platforms.imds.faults.set("*", { kind: "status", status: 429 }, 1);
  const agent = AgentProcess.start([
    "control",
    ...["--control-plane-endpoint", plane.endpoint, "--control-plane-ca-file", caFile],
    ...["--control-plane-server-name", plane.serverName],
    ...["--identity-kind", "aws-instance-identity", "--identity-aws-metadata-url", platforms.imds.url],
    ...["--paths-runtime-dir", join(root, "run"), "--paths-state-dir", join(root, "state")],
    ...["--health-listen", "127.0.0.1:0", "--network-mode", "none"],
    // Its questions would take the fault.
    ...["--notices-platform", "off"],
  ]);
  try {
    expect(await agent.logged("identity.registration-failed")).toMatchObject({
      level: "warn",
      err: {
        code: "identity.no-evidence",
        message: `EC2's instance metadata service (PUT ${platforms.imds.url}/latest/api/token) is asked too often (429); it is asked again`,
      },
    });
    await expect.poll(() => platforms.imds.requests().length, { timeout: 30_000 }).toBeGreaterThan(3);
  } finally {
    await agent[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  }
});
