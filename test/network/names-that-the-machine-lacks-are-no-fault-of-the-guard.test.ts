import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { judgeProbe } from "../../agent/core/network/probe-judge.ts";
import type { ProbeOutcome, ProbeTarget, ProbeVia } from "../../agent/core/network/probe-target.ts";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { World } from "./stage/world.ts";

const NAMES: ProbeTarget = {
  ...{ what: "names (DNS)", via: "dns-udp", host: "198.18.224.1", port: 53 },
  ...{ expected: "reached", anyOf: "dns-udp", deadlineMs: 500 },
};
const SILENT: ProbeOutcome = { is: "silent" };
const UNREACHABLE: ProbeOutcome = { is: "failed", code: "EHOSTUNREACH" };

const FORBIDDEN: ProbeTarget = { ...NAMES, what: "link-local addresses", expected: "refused" };
const OTHER: ProbeTarget = { ...NAMES, what: "what every build must reach", via: "tcp" };

it.each<{ what: string; target: ProbeTarget; outcome: ProbeOutcome; machine: readonly ProbeVia[]; ok: boolean }>([
  { what: "silence, as for the machine", target: NAMES, outcome: SILENT, machine: [], ok: true },
  { what: "no way there, as for the machine", target: NAMES, outcome: UNREACHABLE, machine: ["dns-tcp"], ok: true },
  { what: "silence, though the machine is answered", target: NAMES, outcome: SILENT, machine: ["dns-udp"], ok: false },
  { what: "a target that is no resolver", target: OTHER, outcome: SILENT, machine: [], ok: false },
  {
    what: "an answer that must not be",
    target: FORBIDDEN,
    outcome: { is: "answered", detail: "NOERROR" },
    machine: [],
    ok: false,
  },
])("$what: as it must be? $ok", ({ target, outcome, machine, ok }) => {
  expect(judgeProbe([target], [outcome], [], new Set(machine))).toMatchObject([{ ok }]);
});

describe("in a machine whose resolver does not take its questions", () => {
  needsNamespaces();
  const why = whyNoNamespace() ?? whyNoGuardedVm();
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });

  it("builds are found isolated, and the reason is told", async () => {
    await using world = await World.make();
    // Somebody is there, who answers over TCP only.
    await writeFile(join(world.dir, "machines-resolv.conf"), "nameserver 192.168.7.99\n");
    const vm = await GuardedVm.make(world);
    expect((await vm.apply()).resolvers).toEqual(["192.168.7.99"]);
    const { findings } = await vm.verify();
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    const names = findings.filter(({ what }) => what === "names (DNS)");
    expect(names.map(({ target, got, detail }) => [target, got === "reached", detail])).toEqual([
      ["198.18.224.1:53/udp", false, "nor is this machine itself answered"],
      ["198.18.224.1:53", true, "NXDOMAIN"],
    ]);
  });

  const LOCAL = "127.0.0.2";

  it.each([
    { machine: "is answered", answers: true, ok: false },
    { machine: "is not answered either", answers: false, ok: true },
  ])("and one that asks its own loopback alone is not isolated if it $machine: $answers", async ({ answers, ok }) => {
    await using world = await World.make();
    await writeFile(join(world.dir, "machines-resolv.conf"), `nameserver ${LOCAL}\n`);
    if (answers) await world.answerNamesInVm(LOCAL);
    const vm = await GuardedVm.make(world);
    expect(await vm.apply()).toMatchObject({ resolvers: [], localResolvers: [LOCAL] });
    const { findings } = await vm.verify();
    const names = findings.filter(({ what }) => what.startsWith("names (DNS)"));
    expect(names.map((finding) => [finding.what, finding.ok])).toContainEqual([
      `names (DNS), which this machine has from ${LOCAL} alone`,
      ok,
    ]);
    expect(findings.filter((finding) => !finding.ok && !names.includes(finding))).toEqual([]);
  });
});
