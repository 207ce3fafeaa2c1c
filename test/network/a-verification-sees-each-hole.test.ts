import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { World } from "./stage/world.ts";

needsNamespaces();
const why = whyNoNamespace() ?? whyNoGuardedVm();

const GUARD = "inet builder_agent";
const allow = (rule: string): string => `insert rule ${GUARD} from_builds ${rule} accept`;

const METADATA = "instance metadata";
const OWN = "this machine's own addresses";
const TAILNET = ["the tailnet's resolver", "the tailnet"];

/**
 * One thing amiss each, as somebody might make it so; what is then found, and one of the targets.
 */
const HOLES = [
  { hole: allow("ip daddr 169.254.169.254"), what: [METADATA], target: "169.254.169.254:80" },
  { hole: allow("ip6 daddr fd00:ec2::254"), what: [METADATA], target: "[fd00:ec2::254]:80" },
  { hole: allow("ip daddr 168.63.129.16 tcp dport 32526"), what: [METADATA], target: "168.63.129.16:32526" },
  { hole: allow('oifname "tailscale0"'), what: [METADATA, ...TAILNET, "private ranges"], target: "100.64.0.2:80" },
  { hole: allow("ip6 daddr fd7a:115c:a1e0::/48"), what: TAILNET, target: "[fd7a:115c:a1e0::2]:80" },
  { hole: allow("ip daddr 192.168.0.0/16"), what: ["private ranges"], target: "192.168.0.1:80" },
  { hole: allow("ip6 daddr fc00::/8"), what: ["private ranges"], target: "[fc00::1]:80" },
  { hole: `flush chain ${GUARD} input`, what: [OWN], target: "10.20.0.2:9464" },
  {
    hole: `insert rule ${GUARD} to_machine meta l4proto udp accept`,
    what: [OWN],
    target: /^\[2001:db8:20::2\]:\d+\/udp$/,
  },
  {
    hole: `insert rule ${GUARD} to_machine ip6 daddr fe80::/10 accept`,
    what: [OWN],
    target: /^\[fe80:.*%eth0\]:9464$/,
  },
  { hole: allow('oifname "veth*"'), what: ["another build"], target: /^198\.18\.\d+\.\d+:\d+\/udp$/ },
  { hole: allow('oifname "veth*" ip6 version 6'), what: ["another build"], target: /^\[fd[0-9a-f:]+\]:\d+$/ },
  { hole: `flush chain ${GUARD} names_of_builds`, what: ["names (DNS)"], target: /^198\.18\.\d+\.1:53\/udp$/ },
] as const;

describe("a verification", () => {
  let world: World;
  let vm: GuardedVm;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    await world.joinTailnet();
    vm = await GuardedVm.make(world);
  });
  beforeEach(async ({ skip }) => {
    if (why !== undefined) skip(why);
    await vm.apply();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it.each(HOLES)("finds what is amiss, such as $target, after: $hole", async ({ hole, what, target }) => {
    await world.vm.run("nft", ["-f", "-"], { input: `${hole}\n` });
    const amiss = (await vm.verify()).findings.filter(({ ok }) => !ok);
    expect([...new Set(amiss.map((finding) => finding.what))]).toEqual(what);
    const isIt = (found: string): boolean => (typeof target === "string" ? found === target : target.test(found));
    expect(amiss.map((finding) => finding.target).filter(isIt)).not.toEqual([]);
  });

  it("finds a hole as long as it is there, and no longer", async () => {
    const findings = async () => (await vm.verify()).findings.filter(({ ok }) => !ok);
    expect(await findings()).toEqual([]);
    await vm.guardOff();
    expect((await findings()).length).toBeGreaterThan(50);
    await vm.apply();
    expect(await findings()).toEqual([]);
  });
});
