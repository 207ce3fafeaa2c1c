import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { layoutOf } from "../../agent/cli/layout.ts";
import { endInWords } from "../../agent/core/last-end.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { isAlive, LauncherBench, seatsIn } from "./launcher-bench.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/agent/cli/main.js", import.meta.url));
/** Three looks of two seconds: what is alive tells in time also on a machine that is busy. */
const HUNG_AFTER_MS = 6_000;

type Name = "gateway" | "control";

/** The launcher with the real gateway and control, whose control plane is not there. */
async function withRealChildren(bench: LauncherBench): Promise<void> {
  const { dir } = bench;
  const places = { stateDir: join(dir, "state"), runtimeDir: join(dir, "run"), cacheDir: join(dir, "cache") };
  await writeFile(join(dir, "ca.pem"), (await CertificateAuthority.create({ name: "Nobody's" })).certPem);
  await writeFile(join(dir, "token"), "spent");
  const paths = [
    ...["--paths-state-dir", places.stateDir],
    ...["--paths-runtime-dir", places.runtimeDir],
    ...["--paths-cache-dir", places.cacheDir],
  ];
  const plane = ["--control-plane-endpoint", "127.0.0.1:1", "--control-plane-ca-file", join(dir, "ca.pem")];
  const identity = ["--identity-kind", "join-token", "--identity-token-file", join(dir, "token")];
  const rest = ["--health-listen", "127.0.0.1:0", "--network-mode", "none"];
  const child = (name: Name, ...args: readonly string[]) => ({
    args: [PROGRAM, name, ...paths, ...args],
    env: process.env,
    endFile: join(dir, `${name}-end`),
  });
  void bench.run({
    config: {
      hungAfterMs: HUNG_AFTER_MS,
      gateway: { ...child("gateway"), listen: { host: "127.0.0.1", port: 0 }, sockets: seatsIn(dir) },
      control: child("control", ...plane, ...identity, ...rest),
    },
  });
  // What each has once it has told that it lives: from now on a silence is judged.
  const { gatewaySocket, operatorsSocket } = layoutOf(places);
  const areThere = (): boolean => [gatewaySocket, operatorsSocket].every((socket) => existsSync(socket));
  await eventually(areThere, "both run", 30_000);
}

const pidsOf = ({ log }: LauncherBench, name: Name): readonly number[] =>
  log.lines
    .filter(({ event, data }) => event === "launcher.child-started" && data["child"] === name)
    .map(({ data }) => data["childPid"] as number);

describe("under the launcher", () => {
  it.concurrent.each<{ name: Name; other: Name }>([
    { name: "gateway", other: "control" },
    { name: "control", other: "gateway" },
  ])(
    "a $name that hangs is killed, told and started again, and its $other is left alone",
    {
      timeout: 90_000,
    },
    async ({ name, other }) => {
      await using bench = await LauncherBench.make();
      await withRealChildren(bench);
      const [[hung = 0], [alone = 0]] = [pidsOf(bench, name), pidsOf(bench, other)];
      process.kill(hung, "SIGSTOP");
      await eventually(() => pidsOf(bench, name).length === 2, "it is started again", 60_000);
      expect(isAlive(hung)).toBe(false);
      expect(bench.log.lines.find(({ event }) => event === "launcher.child-hangs")?.data).toEqual({
        child: name,
        childPid: hung,
        silentMs: HUNG_AFTER_MS,
      });
      expect(endInWords(await readFile(join(bench.dir, `${name}-end`), "utf8"))).toContain("because it hung");
      expect(pidsOf(bench, other)).toEqual([alone]);
      expect(isAlive(alone)).toBe(true);
    },
  );

  it("what has never told that it lives is not judged: it may be of an older release", async () => {
    await using bench = await LauncherBench.make();
    void bench.run({ config: { hungAfterMs: 300 } });
    const [gateway, control] = [await bench.started("gateway"), await bench.started("control")];
    await new Promise((resolve) => void setTimeout(resolve, 1_500));
    expect([gateway, control].map(isAlive)).toEqual([true, true]);
  });
});
