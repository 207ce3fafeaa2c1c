import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeEach, describe, expect, it } from "vitest";
import { buildkitNetwork } from "../../agent/core/network/buildkit-network.ts";
import { planNetwork } from "../../agent/core/network/plan.ts";
import { wishOf } from "../../agent/core/network/wish.ts";
import { whyNoNamespace } from "../sandbox/net/whether.ts";
import { machineAsking } from "./stage/machine.ts";
import { openOrder } from "./stage/orders.ts";

const SENTENCE = /buildkitd cannot be given a network of its own: see the line before; it takes root, ip \(iproute2\)/;

describe("a buildkitd that cannot have a network of its own", () => {
  let dir: string;
  beforeEach(async ({ skip }) => {
    const why = whyNoNamespace();
    if (why !== undefined) skip(why);
    dir = await mkdtemp(join(tmpdir(), "a dir'"));
    await Promise.all(["mounts", "plugins"].map((name) => mkdir(join(dir, name))));
    return () => rm(dir, { recursive: true, force: true });
  });

  it("does not start, and says what is the matter: no plugins", async () => {
    const { code, err } = await started(join(dir, "nowhere"));
    expect(code).not.toBe(0);
    expect(err).toMatch(/nowhere/);
    expect(err).toMatch(SENTENCE);
  });

  it("does not start, and says what is the matter: nothing that its cable could end in", async () => {
    const { code, err } = await started(join(dir, "plugins"), "ip() { echo no such thing >&2; return 1; }");
    expect(code).not.toBe(0);
    expect(err).toMatch(SENTENCE);
  });

  /** In a mount namespace and a network of its own. */
  async function started(cniBinaryDir: string, first = ""): Promise<{ code: number | null; err: string }> {
    const plan = planNetwork(wishOf(openOrder()), machineAsking("nameserver 10.0.0.2"), undefined);
    const file = join(dir, "network.sh");
    await writeFile(file, `${first}\n${buildkitNetwork(plan, { mountDir: join(dir, "mounts"), cniBinaryDir })}`);
    const child = spawn("unshare", ["--mount", "--net", "--", "sh", file, "echo", "it runs"], { stdio: "pipe" });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    expect(out).toBe("");
    return { code: child.exitCode, err };
  }
});
