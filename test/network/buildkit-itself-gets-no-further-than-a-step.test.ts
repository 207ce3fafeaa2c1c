import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { tryFetches } from "../../agent/adapters/buildkit/fetch-probe.ts";
import type { AppliedNetwork, NetworkOrder } from "../../agent/core/network/order.ts";
import type { ProbeOutcome } from "../../agent/core/network/probe-target.ts";
import { tool, whyNoBuildkit } from "../buildkit/real-buildkit.ts";
import { BridgedAgent } from "./stage/bridged-agent.ts";
import { alwaysForbidden, NAT64_PREFIX, PRIVATE, PUBLIC, TAILNET, VM_PORTS, wordOf } from "./stage/matrix.ts";
import type { Target } from "./stage/step.ts";
import { withoutGuard } from "./stage/without-guard.ts";
import { VM, World } from "./stage/world.ts";

const why = whyNoBuildkit();
const { signal } = new AbortController();

/** Long for a handshake between namespaces, and for an answer of the world's. */
const WAIT_MS = 2_000;
const ARRIVED = ["ECONNREFUSED", "ECONNRESET"];
const LOOPBACK = ["127.0.0.1", "::1"].flatMap((host) => VM_PORTS.map((port) => ({ host, port })));

interface Row {
  readonly policy: string;
  readonly order: Partial<NetworkOrder>;
  readonly reached: readonly Target[];
  readonly refused: readonly Target[];
}

const isListed = ({ host }: Target): boolean => host.startsWith("203.0.113.") || host.startsWith("2001:db8:113:");

const ROWS: readonly Row[] = [
  { policy: "by default", order: {}, reached: PUBLIC, refused: [...PRIVATE, ...TAILNET] },
  {
    policy: "with private ranges open",
    order: { egress: { allowedCidrs: [], allowPrivateRanges: true } },
    reached: [...PUBLIC, ...PRIVATE],
    refused: TAILNET,
  },
  {
    policy: "with an allow-list",
    order: { egress: { allowedCidrs: ["203.0.113.0/24", "2001:db8:113::/48"], allowPrivateRanges: false } },
    reached: PUBLIC.filter(isListed),
    refused: [...PUBLIC.filter((target) => !isListed(target)), ...PRIVATE, ...TAILNET],
  },
  { policy: "with the tailnet open", order: { tailnet: "open" }, reached: [...PUBLIC, ...TAILNET], refused: PRIVATE },
];

/** What a Dockerfile or a client's option makes BuildKit itself fetch. */
const WAYS = [
  { way: "ADD of a URL", lines: (at: string) => ["FROM scratch", `ADD http://${at}/latest/meta-data /got`] },
  { way: "ADD of a git repository", lines: (at: string) => ["FROM scratch", `ADD http://${at}/x.git /got`] },
  { way: "FROM an image", lines: (at: string) => [`FROM ${at}/library/image`] },
  { way: "COPY from an image", lines: (at: string) => ["FROM scratch", `COPY --from=${at}/library/image /a /b`] },
  {
    way: "a remote cache",
    lines: () => ["FROM scratch", "COPY Dockerfile /"],
    options: (at: string) => ["--export-cache", `type=registry,ref=${at}/cache,registry.insecure=true`],
  },
  {
    way: "a push",
    lines: () => ["FROM scratch"],
    options: (at: string) => ["--output", `type=image,name=${at}/image,push=true,registry.insecure=true`],
  },
  {
    way: "a cache in S3",
    lines: () => ["FROM scratch", "COPY Dockerfile /"],
    options: (at: string) => [
      "--export-cache",
      `type=s3,region=x,bucket=b,name=n,endpoint_url=http://${at},use_path_style=true,access_key_id=a,secret_access_key=b`,
    ],
  },
] as const;

describe("BuildKit itself", () => {
  let world: World;
  let agent: BridgedAgent;
  let network: AppliedNetwork;
  let forbidden: readonly Target[];

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    await world.joinTailnet();
    await world.listenInVm(VM_PORTS);
    agent = await BridgedAgent.start(world.dir, world.vm, { "network-nat64-prefix": NAT64_PREFIX });
    network = await agent.order();
    await world.answerBuilds(network);
    await agent.up();
    const overTcp = ({ via = "tcp" }: Target): boolean => via === "tcp";
    const linkLocal = await world.vm.run("ip", ["-6", "-brief", "address", "show", "vethbuildkit", "scope", "link"]);
    const own = alwaysForbidden(network, /fe80:[^/ ]*/.exec(linkLocal)?.[0] ?? "no link-local address");
    forbidden = [...own.filter(overTcp), ...LOOPBACK];
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  /** Which of these it got to, as an HTTP source. */
  async function reachable(targets: readonly Target[]): Promise<readonly string[]> {
    const outcomes = (await tryFetches(agent.layout.buildkitSocket, targets, WAIT_MS, signal)) ?? [];
    expect(outcomes.length).toBe(targets.length);
    return targets.filter((target, at) => isReached(target, outcomes[at] ?? { is: "silent" })).map(wordOf);
  }

  /** Who refuses on its own loopback is nobody of the VM's. */
  function isReached({ host }: Target, outcome: ProbeOutcome): boolean {
    const isLoopback = host === "127.0.0.1" || host === "::1";
    return outcome.is === "answered" || (outcome.is === "failed" && ARRIVED.includes(outcome.code) && !isLoopback);
  }

  async function build(lines: readonly string[], options: readonly string[]): Promise<string> {
    const context = join(world.dir, "context-of-ways");
    await mkdir(context, { recursive: true });
    await writeFile(join(context, "Dockerfile"), `${lines.join("\n")}\n`);
    const args = [
      ...["--addr", `unix://${agent.layout.buildkitSocket}`, "build", "--progress", "plain", "--no-cache"],
      ...["--frontend", "dockerfile.v0", "--local", `context=${context}`, "--local", `dockerfile=${context}`],
      ...options,
    ];
    const child = spawn(tool("buildctl"), args, { stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return `${child.exitCode === 0 ? "built" : "failed"}: ${out}${err}`;
  }

  describe.each(ROWS)("$policy", ({ order, reached, refused }) => {
    beforeAll(async () => {
      if (why === undefined) await agent.order(order);
    });

    it("fetches nothing that never may be reached, and nothing that was not granted", async () => {
      expect(await reachable([...forbidden, ...refused])).toEqual([]);
    });

    it("fetches what was granted", async () => {
      expect(await reachable(reached)).toEqual(reached.map(wordOf));
    });

    it("the agent's own verification asks it, and finds the same", async () => {
      const { findings } = await agent.verify();
      const asked = findings.filter(({ what }) => what.startsWith("BuildKit: "));
      expect(asked.map(({ target }) => target)).toEqual(
        expect.arrayContaining(["169.254.169.254:80", "[fd00:ec2::254]:80", `${VM.ipv4}:22`, `[${VM.ipv6}]:22`]),
      );
      expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    });
  });

  it("reaches a registry's mirror at its port, where a step does not; but no metadata by calling it one", async () => {
    const named = [
      { address: "10.99.9.9", port: 443 },
      { address: "fd12:3456::9", port: 80 },
      { address: "169.254.169.254", port: 80 },
      { address: VM.ipv4, port: 22 },
      { address: "100.64.0.9", port: 80 },
    ];
    await agent.order({ mirrors: named });
    const asTargets = named.map(({ address: host, port }) => ({ host, port }));
    const elsewhere = [
      { host: "10.99.9.9", port: 80 },
      { host: "10.99.9.8", port: 443 },
    ];
    expect(await reachable([...asTargets, ...elsewhere])).toEqual(asTargets.slice(0, 2).map(wordOf));
    const said = await agent.step("/bin/busybox nc -w 3 10.99.9.9 443 </dev/null 2>&1; echo tried");
    expect(said).not.toContain("something secret");
    expect(said).toContain("tried");
  });

  it.each(WAYS)(
    "cannot be led to it by $way",
    async ({ lines, ...rest }) => {
      await agent.order();
      const options = "options" in rest ? rest.options : () => [];
      for (const at of ["169.254.169.254", `${network.ipv4.replace(/0\/\d+$/, "1")}:22`]) {
        const said = await build(lines(at), options(at));
        expect(said).toMatch(/^failed: /);
        expect(said).not.toContain("something secret");
        expect(said).toMatch(/no route to host|permission denied|Couldn't connect to server/);
      }
    },
    180_000,
  );

  it("has names as a step has them", async () => {
    const said = await build(["FROM scratch", "ADD http://some.name.example/x /got"], []);
    // The world knows no names, and says so: the answer came.
    expect(said).toMatch(/lookup some\.name\.example on 198\.18\.\d+\.1:53: no such host/);
  });

  it("gets to all of it without the guard: these tests can fail", async () => {
    await withoutGuard(world.vm, async () => {
      const everything = [...forbidden, ...PRIVATE, ...TAILNET, ...PUBLIC].filter(({ host }) => !isOwnLoopback(host));
      expect(await reachable(everything)).toEqual(everything.map(wordOf));
      const { findings } = await agent.verify();
      expect(findings.filter(({ ok, what }) => !ok && what.startsWith("BuildKit: ")).length).toBeGreaterThan(20);
    });
  });
});

function isOwnLoopback(host: string): boolean {
  return host === "127.0.0.1" || host === "::1";
}
