import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { isolated } from "../../agent/adapters/buildkit/isolation.ts";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";

needsNamespaces();
const run = promisify(execFile);

/**
 * Another /etc, in a mount namespace of its own; then a command there, and what /etc has after it.
 */
const ELSEWHERE = `
  mount -t tmpfs elsewhere /etc
  echo machine >/etc/hostname
  eval "$1"
  shift
  "$@" || echo "ended with $?"
  ls /etc; readlink /etc/resolv.conf || true`;

describe("what buildkitd sees as /etc/resolv.conf", () => {
  let dir: string;
  let own: string;
  let program: string;
  beforeEach(async ({ skip }) => {
    const why = whyNoNamespace();
    if (why !== undefined) skip(why);
    dir = await mkdtemp(join(tmpdir(), "a, dir:"));
    await mkdir(join(dir, "resolve"));
    own = join(dir, "resolve", "resolv.conf");
    await writeFile(own, "nameserver 198.18.224.1\n");
    program = join(dir, "network.sh");
    await writeFile(program, 'exec "$@"\n');
    return () => rm(dir, { recursive: true, force: true });
  });

  async function seen(prepare: string): Promise<readonly string[]> {
    const look = "cat /etc/resolv.conf /etc/hostname; ls /etc";
    const { command, args } = isolated("sh", ["-c", look], { resolvConf: own, program });
    const words = ["--mount", "sh", "-euc", ELSEWHERE, "sh", prepare, command, ...args];
    const { stdout, stderr } = await run("unshare", words);
    return `${stdout}${stderr}`.trim().split("\n");
  }

  const inside = ["nameserver 198.18.224.1", "machine", "hostname", "resolv.conf"];

  it.each([
    { machine: "a file", prepare: "echo of-the-machine >/etc/resolv.conf", left: ["hostname", "resolv.conf"] },
    { machine: "nothing there", prepare: "", left: ["hostname"] },
    {
      machine: "a link to nothing",
      prepare: "ln -s /run/nobody/stub-resolv.conf /etc/resolv.conf",
      left: ["hostname", "resolv.conf", "/run/nobody/stub-resolv.conf"],
    },
  ])(
    "is the builds' own where the machine has $machine, and the machine's stays as it is",
    async ({ prepare, left }) => {
      expect(await seen(prepare)).toEqual([...inside, ...left]);
    },
  );

  it("is told in one sentence where it cannot be", async () => {
    await rm(own);
    expect((await seen("")).at(-1)).toBe(
      "buildkitd cannot be given its own /etc/resolv.conf: see the line before, and make /etc/resolv.conf a plain file",
    );
  });
});
