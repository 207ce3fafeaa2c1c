import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { whyNoBuildkit } from "../buildkit/real-buildkit.ts";
import { BridgedAgent } from "./stage/bridged-agent.ts";
import { build, runLine } from "./stage/build.ts";
import { withoutGuard } from "./stage/without-guard.ts";
import { NODE, VM, World } from "./stage/world.ts";

const why = whyNoBuildkit();

const VM_PORT = 9464;

/** A few of each kind: the whole matrix is tried in a step's network without a build. */
const FORBIDDEN = [
  ["169.254.169.254", 80],
  ["fd00:ec2::254", 80],
  ["100.100.100.200", 80],
  [VM.ipv4, VM_PORT],
  [VM.ipv6, VM_PORT],
  [NODE.ipv4, VM_PORT],
  ["10.20.0.1", 80],
  ["192.168.7.7", 80],
  ["100.64.0.9", 80],
  ["fd7a:115c:a1e0::9", 80],
] as const;

const PERMITTED = [
  ["203.0.113.10", 80],
  ["2001:db8:113::10", 80],
] as const;

type Place = readonly [host: string, port: number];

/** Says for each place whether it answered, all at once. */
function tries(places: readonly Place[]): string {
  const one = ([host, port]: Place): string =>
    `(busybox nc -w 10 ${host} ${port} </dev/null 2>&1 | busybox grep -q secret && echo "${host} ${port} answers") &`;
  return `${places.map(one).join(" ")} wait; echo all tried`;
}

/** What a build's own output says of it. */
function answering(output: string): readonly string[] {
  return [...saidBy(output).matchAll(/^(\S+ \d+) answers$/gm)].map(([, place = ""]) => place).toSorted();
}

const words = (places: readonly Place[]): readonly string[] => places.map((place) => place.join(" ")).toSorted();

describe("a step of a real build", () => {
  let world: World;
  let agent: BridgedAgent;
  let meetings = 0;
  const steps = (...lines: readonly string[]): Promise<string> =>
    build(agent.layout.buildkitSocket, world.dir, ["FROM scratch", "COPY busybox /bin/busybox", ...lines]);

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    await world.joinTailnet();
    await world.listenInVm([VM_PORT]);
    agent = await BridgedAgent.start(world.dir, world.vm);
    await world.answerBuilds(await agent.order());
    await agent.up();
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  it("reaches the internet and nothing that is forbidden", async () => {
    const output = await steps(runLine(tries([...FORBIDDEN, ...PERMITTED])));
    expect(saidBy(output)).toMatch(/^all tried$/m);
    expect(answering(output)).toEqual(words(PERMITTED));
  });

  it("does not wait until its address is proved free: nobody else is on its cable", async () => {
    expect(saidBy(await steps(runLine("busybox cat /proc/sys/net/ipv6/conf/default/accept_dad")))).toBe("0\n");
  });

  it("reaches the VM by none of the addresses that it has for builds", async () => {
    const gateway = `$(busybox ip route | busybox awk '/^default/ { print $3 }')`;
    const script = `echo asks ${gateway}; busybox nc -w 2 ${gateway} ${VM_PORT} </dev/null; echo all tried`;
    const said = saidBy(await steps(runLine(script)));
    expect(said).toMatch(/^asks 198\.18\.\d+\.1$/m);
    expect(said).toMatch(/^all tried$/m);
    expect(said).not.toContain("something secret");
  });

  it("finds no socket of the agent or of BuildKit: neither a file, nor one without", async () => {
    const script = "busybox find / -type s; echo files; busybox cat /proc/net/unix; echo all";
    const [files = "", abstract = ""] = saidBy(await steps(runLine(script))).split(/^(?:files|all)\n/m);
    expect(files).toBe("");
    expect(abstract).toMatch(/^Num .*\n$/);
  });

  it("does not reach another step that runs at the same time", async () => {
    const said = saidBy(await twoAtOnce());
    expect(said).toMatch(/^listens at 198\.18\.\d+\.\d+$/m);
    expect(said).toMatch(/^no connection$/m);
    expect(said).not.toMatch(/^met$/m);
  });

  it("gets to all of it without the guard: these tests can fail", async () => {
    await withoutGuard(world.vm, async () => {
      const everything = [...FORBIDDEN, ...PERMITTED];
      expect(answering(await steps(runLine(tries(everything))))).toEqual(words(everything));
      expect(saidBy(await twoAtOnce())).toMatch(/^met$/m);
    });
  });

  /** One listens, and leaves its address where the other finds it. */
  function twoAtOnce(): Promise<string> {
    meetings += 1;
    const meeting = `--mount=type=cache,id=meeting-${meetings},target=/meeting,sharing=shared`;
    const listener = [
      `address=$(busybox ip -4 address | busybox awk '/inet 198/ { sub("/.*", "", $2); print $2 }')`,
      "echo listens at $address",
      "(echo met | busybox nc -l -p 7000) &",
      "echo $address > /meeting/at",
      "for i in $(busybox seq 200); do test -e /meeting/over && break; busybox sleep 0.1; done",
    ];
    const visitor = [
      "for i in $(busybox seq 200); do test -s /meeting/at && break; busybox sleep 0.1; done",
      // Whoever leaves its address may not listen yet.
      "for i in 1 2 3 4; do busybox sleep 0.5; busybox nc -w 2 $(busybox cat /meeting/at) 7000 </dev/null 2>&1 && met=1 && break; done",
      '[ "$met" = 1 ] || echo no connection',
      "echo over > /meeting/over",
    ];
    return build(agent.layout.buildkitSocket, world.dir, [
      "FROM scratch AS base",
      "COPY busybox /bin/busybox",
      "FROM base AS listener",
      runLine([...listener, "echo > /listened"].join("\n"), meeting),
      "FROM base AS visitor",
      runLine([...visitor, "echo > /visited"].join("\n"), meeting),
      "FROM scratch",
      "COPY --from=listener /listened /",
      "COPY --from=visitor /visited /",
    ]);
  }
});

/** The lines of steps, without BuildKit's own words. */
function saidBy(output: string): string {
  return output
    .split("\n")
    .flatMap((line) => /^#\d+ [\d.]+ (.*)$/.exec(line)?.[1] ?? [])
    .map((line) => `${line}\n`)
    .join("");
}
