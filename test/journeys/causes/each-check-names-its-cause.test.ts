import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import { Refusal } from "../../../sandbox/control-plane/refusal.ts";
import { eventually } from "../stage/eventually.ts";
import { processesNaming } from "../stage/processes.ts";
import { REF } from "../stage/set-up.ts";
import type { Stage } from "../stage/stage.ts";
import { sharedTailnet } from "../tailnet/stage/shared-tailnet.ts";
import type { Cause } from "./stage/cause.ts";
import { empty, fillCache, fillState, smallDisks } from "./stage/disks.ts";
import { KeptAway } from "./stage/kept-away.ts";
import { nameCauses, usualOf } from "./stage/name-cause.ts";
import { paced } from "./stage/paced.ts";
import { report } from "./stage/report.ts";

const tailnet = sharedTailnet({ plane: { heartbeatMs: 2_000 }, prepareDisks: smallDisks });

const OUTAGE = new Refusal(status.UNAVAILABLE, "A test's outage.");

/** The contract allows 10,000. */
const TOO_MANY = Array.from({ length: 10_001 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);

const wish = (stage: Stage, wishes: Parameters<Stage["plane"]["wish"]>[1]) => stage.plane.wish(REF, wishes);

async function goes(stage: Stage): Promise<void> {
  stage.plane.transport.stopListening();
  stage.plane.transport.cutConnections();
}

async function comes(stage: Stage): Promise<void> {
  await stage.plane.transport.listenAgain();
  await stage.ask("reconnect");
}

async function tailscaled(stage: Stage): Promise<number | undefined> {
  const all = await processesNaming(stage.runtimeDir);
  return all.find(({ words: [program = ""] }) => program.endsWith("/tailscaled"))?.pid;
}

const [gatewayAway, buildkitAway, tailscaledAway] = [
  new KeptAway(() => tailnet().stage.pid("gateway")),
  new KeptAway(() => tailnet().stage.pid("buildkitd")),
  new KeptAway(() => tailscaled(tailnet().stage)),
];

/** At once, for each takes its time to be told: they explain each other in nothing. */
const SILENCES: readonly Cause[] = [
  {
    what: "the gateway hangs",
    check: "gateway",
    isSilence: true,
    severity: "blocking",
    door: "nobody answers",
    says: /silent|does not answer/,
    remedy: /builder-agent-gateway/,
    bring: (stage) => stage.kill("gateway", "SIGSTOP"),
    mend: (stage) => stage.kill("gateway", "SIGCONT"),
  },
  {
    what: "the control plane says nothing any more",
    check: "control-plane",
    isSilence: true,
    severity: "warning",
    door: "open",
    says: /nothing heard/,
    remedy: /doctor/,
    bring: async ({ plane }) => (plane.faults.silent = true),
    mend: async ({ plane }) => (plane.faults.silent = false),
  },
  {
    what: "buildkitd hangs",
    check: "buildkit",
    isSilence: true,
    severity: "blocking",
    door: "closed",
    says: /no answer since/,
    remedy: /buildkit/,
    bring: (stage) => stage.kill("buildkitd", "SIGSTOP"),
    mend: (stage) => stage.kill("buildkitd", "SIGCONT"),
  },
];

const CAUSES: readonly Cause[] = [
  {
    what: "the control plane renews no certificate, and the gateway has a new key",
    check: "serving-certificate",
    severity: "blocking",
    door: "nobody answers",
    says: /no serving certificate yet: .*A test's outage/,
    remedy: /control plane/,
    command: "reconnect",
    troubles: ["process-ended gateway", "check-failed serving-certificate"],
    bring: async (stage) => {
      stage.plane.faults.answer("renewCertificates", OUTAGE);
      await stage.kill("gateway");
    },
    mend: async (stage) => {
      // A moment without one is a part of the gateway's own trouble.
      await sleep(2_000);
      stage.plane.faults.answer("renewCertificates", undefined);
      await stage.ask("reconnect");
    },
  },
  {
    what: "the control plane is gone",
    check: "control-plane",
    severity: "warning",
    door: "open",
    says: /Not attached|Nothing heard/,
    remedy: /doctor/,
    command: "doctor",
    bring: goes,
    mend: comes,
  },
  {
    what: "the control plane refuses",
    check: "control-plane",
    severity: "warning",
    door: "open",
    says: /answered Attach with UNAVAILABLE: A test's outage/,
    remedy: /doctor/,
    bring: async ({ plane }) => {
      plane.faults.answer("attach", OUTAGE);
      plane.endStreams(OUTAGE);
    },
    mend: async (stage) => {
      stage.plane.faults.answer("attach", undefined);
      await stage.ask("reconnect");
    },
  },
  {
    what: "control starts anew while the control plane is gone",
    check: "control-plane",
    severity: "blocking",
    door: "open",
    says: /Nothing heard/,
    remedy: /doctor/,
    explains: ["control-plane-view"],
    troubles: ["check-failed control-plane", "process-ended control"],
    bring: async (stage) => {
      await goes(stage);
      // Not the one before, which is over.
      const isNoted = async () =>
        (await report(stage))?.troubles.some(({ what, untilMs }) => what === "control-plane" && untilMs === undefined);
      await eventually("the outage is remembered", isNoted);
      // By now it is on disk as well: a few bytes in memory.
      await sleep(500);
      await stage.kill("control");
    },
    mend: comes,
  },
  {
    what: "the control plane sends what breaks the contract",
    check: "desired-state",
    severity: "warning",
    door: "open",
    says: /egress.allowed_cidrs/,
    remedy: /authors/,
    bring: async (stage) => wish(stage, { egress: { allowedCidrs: TOO_MANY, allowPrivateRanges: false } }),
    mend: (stage) => wish(stage, { egress: undefined }).applied(),
  },
  {
    what: "the control plane wants builds to reach what is no address",
    check: "build-network",
    severity: "blocking",
    door: "closed",
    says: /"everything" .* is no CIDR/,
    remedy: /builder-agent network show/,
    command: "network show",
    bring: async (stage) => wish(stage, { egress: { allowedCidrs: ["everything"], allowPrivateRanges: false } }),
    mend: async (stage) => {
      // It is tried from inside after that, and would find whatever is done to the guard meanwhile.
      const tried = stage.log.next("isolation.verified");
      await wish(stage, { egress: undefined }).applied();
      await tried;
    },
  },
  {
    what: "somebody deletes the builds' nftables table",
    check: "build-network",
    severity: "warning",
    door: "open",
    says: /put back at/,
    remedy: /nft monitor/,
    bring: async ({ vm }) => vm?.run("nft", ["delete", "table", "inet", "builder_agent"]),
    // It is put right by itself, and told for a while.
    mend: async () => undefined,
  },
  {
    what: "another firewall keeps builds from what they need",
    check: "isolation",
    severity: "blocking",
    door: "closed",
    says: /not reached/,
    remedy: /builder-agent doctor isolation/,
    command: "doctor isolation",
    bring: async (stage) => {
      const chain = "chain to { type filter hook forward priority 0; meta l4proto { tcp, udp } th dport 53 drop; };";
      await stage.vm?.run("nft", [`table inet firewall { ${chain} }`]);
      // It is tried anew after each change.
      wish(stage, { egress: { allowedCidrs: ["203.0.113.0/24"], allowPrivateRanges: false } });
    },
    mend: async (stage) => {
      await stage.vm?.run("nft", ["delete", "table", "inet", "firewall"]);
      await wish(stage, { egress: undefined }).applied();
    },
  },
  {
    what: "the control plane asks for what this machine cannot do",
    check: "unsupported",
    severity: "warning",
    door: "open",
    says: /cannot do: cache-volume/,
    remedy: /Ask for less/,
    bring: async (stage) =>
      wish(stage, { cacheVolume: { volumeId: "vol-1", device: "", filesystem: "", key: undefined } }),
    mend: async (stage) => wish(stage, { cacheVolume: undefined }),
  },
  {
    what: "somebody else's file fills the cache's disk",
    check: "disk",
    severity: "blocking",
    door: "closed",
    says: /builds are refused below/,
    remedy: /disk/,
    bring: ({ vm, workDir }) => Promise.resolve(fillCache(vm, workDir)),
    mend: ({ vm, workDir }) => Promise.resolve(empty(vm, workDir)),
  },
  {
    what: "the disk for its state is full",
    check: "records",
    severity: "warning",
    door: "open",
    says: /cannot be stored.*No space left/,
    remedy: /disk/,
    bring: async (stage) => {
      await fillState(stage.vm, stage.workDir);
      // What is left of the journal's last page has room for some.
      await Promise.all(Array.from({ length: 12 }, () => stage.askWorkers(build)));
    },
    mend: ({ vm, workDir }) => Promise.resolve(empty(vm, workDir)),
  },
  {
    what: "the control plane acknowledges no records",
    check: "records",
    isSilence: true,
    severity: "warning",
    door: "open",
    says: /acknowledged/,
    remedy: /acknowledge/,
    bring: async (stage) => {
      stage.plane.faults.swallowAcks = true;
      await stage.askWorkers(build);
    },
    mend: async (stage) => {
      stage.plane.faults.swallowAcks = false;
      // The next acknowledgement is for all before it.
      await stage.askWorkers(build);
    },
  },
  {
    what: "the clocks differ",
    check: "clock",
    severity: "warning",
    door: "open",
    says: /3 min ahead/,
    remedy: /timedatectl/,
    bring: async ({ plane }) => (plane.clock.offsetMs = -180_000),
    mend: async ({ plane }) => (plane.clock.offsetMs = 0),
  },
  {
    what: "the coordination server of a required tailnet cannot be reached",
    check: "tailnet",
    severity: "blocking",
    door: "closed",
    says: /203\.0\.113\.80:8080/,
    remedy: /coordination server/,
    bring: async () => tailnet().wish({ required: true, coordinationUrl: "http://203.0.113.80:8080" }),
    mend: (stage) => wish(stage, { tailnet: undefined }).applied(),
  },
  {
    what: "tailscaled is killed again and again on a machine that needs its tailnet",
    check: "tailnet",
    severity: "blocking",
    door: "closed",
    says: /./,
    remedy: /coordination server/,
    bring: async () => {
      await tailnet().grant({ required: true });
      tailscaledAway.begin();
    },
    mend: async (stage) => {
      await tailscaledAway.letBe();
      await wish(stage, { tailnet: undefined }).applied();
    },
  },
  {
    what: "buildkitd is killed again and again",
    check: "buildkit",
    severity: "blocking",
    door: "closed",
    says: /killed by SIGKILL|Starting/,
    remedy: /buildkit/,
    troubles: ["process-ended buildkitd"],
    bring: async () => buildkitAway.begin(),
    mend: () => buildkitAway.letBe(),
  },
  {
    what: "the gateway is killed and does not come back",
    check: "gateway",
    severity: "blocking",
    door: "nobody answers",
    says: /does not answer/,
    remedy: /builder-agent-gateway/,
    explains: ["serving-certificate"],
    troubles: ["process-ended gateway"],
    bring: async () => gatewayAway.begin(),
    mend: () => gatewayAway.letBe(),
  },
];

let build: OpenedBuildFiles;
/** What is so of any such machine, and blocks nothing: a plain cache, an old Node. */
let usual: readonly string[];
beforeAll(async () => {
  usual = await usualOf(tailnet().stage);
  const taken = [...SILENCES, ...CAUSES].filter(({ check }) => usual.includes(check));
  if (taken.length > 0) throw new Error(`The machine is not well: ${taken.map(({ check }) => check).join(", ")}`);
  build = await tailnet().stage.openBuild();
}, paced(60_000));

const took: string[] = [];
afterAll(() => console.info(took.join("\n")));

async function named(causes: readonly Cause[]): Promise<void> {
  const { namedMs, clearedMs } = await nameCauses(tailnet().stage, causes, { usual, build });
  for (const [index, { check, what }] of causes.entries())
    took.push(`${check}: ${what}: named within ${namedMs[index]} ms, cleared within ${clearedMs} ms`);
  expect(namedMs).toHaveLength(causes.length);
}

it("names each when the gateway, the control plane and buildkitd hang at once", { timeout: paced(90_000) }, () =>
  named(SILENCES),
);

it.each(CAUSES)("names it when $what: $check", { timeout: paced(90_000) }, (cause) => named([cause]));
