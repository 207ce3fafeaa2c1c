import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NoticeKind, PlatformName } from "../../agent/core/notices/notice.ts";
import type { MetadataFault } from "../../sandbox/metadata/faults.ts";
import type { NoticeName } from "../../sandbox/metadata/notice-names.ts";
import { lookAt, NoticeStage } from "./stage.ts";

let stage: NoticeStage;
beforeEach(async () => {
  stage = await NoticeStage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

describe("each platform's notice", () => {
  it.each<readonly [PlatformName, NoticeName, NoticeKind, number | undefined]>([
    ["aws", "spot-terminate", "aws-spot-terminate", 120_000],
    ["aws", "spot-stop", "aws-spot-stop", 120_000],
    ["aws", "spot-hibernate", "aws-spot-hibernate", 0],
    ["aws", "rebalance", "aws-rebalance", undefined],
    ["aws", "maintenance", "aws-maintenance", 7 * 86_400_000],
    ["aws", "target-terminated", "aws-target-terminated", undefined],
    ["gcp", "preempted", "gcp-preempted", undefined],
    ["gcp", "live-migration", "gcp-live-migration", undefined],
    ["gcp", "host-maintenance", "gcp-host-maintenance", undefined],
    ["azure", "preempt", "azure-preempt", 30_000],
    ["azure", "terminate", "azure-terminate", 300_000],
    ["azure", "redeploy", "azure-redeploy", 600_000],
    ["azure", "reboot", "azure-reboot", 900_000],
    ["azure", "freeze", "azure-freeze", 900_000],
  ])("%s: %s is %s", async (name, order, kind, leftMs) => {
    expect(await lookAt(stage.platform(name))).toEqual([]);
    stage.notices.announce({ notice: order });
    const [notice, ...more] = await lookAt(stage.platform(name));
    expect(more).toEqual([]);
    expect(notice?.kind).toBe(kind);
    const isNear = notice?.leftMs === undefined ? undefined : Math.abs(notice.leftMs - (leftMs ?? Number.NaN)) < 10_000;
    expect(isNear).toBe(leftMs === undefined ? undefined : true);
    stage.notices.announce({ notice: "none" });
    expect(await lookAt(stage.platform(name))).toEqual([]);
  });
});

it.each<PlatformName>(["aws", "azure"])("%s's own clock says how long there is, not this machine's", async (name) => {
  for (const aheadMs of [-3_600_000, 3_600_000]) {
    await using other = await NoticeStage.open(aheadMs);
    other.notices.announce({ notice: name === "aws" ? "spot-terminate" : "preempt", inMs: 60_000 });
    const [notice] = await lookAt(other.platform(name));
    expect(Math.abs((notice?.leftMs ?? Number.NaN) - 60_000)).toBeLessThan(10_000);
  }
});

describe("EC2's token", () => {
  it("is asked for once, and anew when it is no longer known", async () => {
    const aws = stage.platform("aws");
    await lookAt(aws);
    await lookAt(aws);
    const puts = () => stage.servers.aws.requests().filter(({ method }) => method === "PUT").length;
    expect(puts()).toBe(1);
    stage.servers.aws.faults.set("/latest/meta-data/spot/instance-action", { kind: "status", status: 401 }, 1);
    stage.notices.announce({ notice: "spot-terminate" });
    expect(await lookAt(aws)).toMatchObject([{ kind: "aws-spot-terminate" }]);
    expect(puts()).toBe(2);
  });

  it("that is never known is a fault, and no end of asking", async () => {
    const aws = stage.platform("aws");
    stage.switches.expiresTokens = true;
    await expect(lookAt(aws)).rejects.toMatchObject({ code: "metadata.no-answer" });
    expect(stage.servers.aws.requests().length).toBe(4);
  });

  it("is never done without: where tokens are unknown nothing is asked", async () => {
    stage.switches.v1Only = true;
    await expect(lookAt(stage.platform("aws"))).rejects.toMatchObject({ code: "metadata.no-answer" });
    expect(stage.servers.aws.requests().map(({ method }) => method)).toEqual(["PUT"]);
  });
});

it("Google's answer is held back until there is news, and comes with it at once", async () => {
  const [preempted] = stage.platform("gcp").lines;
  const { signal } = new AbortController();
  expect(await preempted?.look(signal)).toEqual([]);
  let heard: unknown;
  const looking = preempted?.look(signal).then((notices) => (heard = notices));
  await expect.poll(() => stage.servers.gcp.requests().length).toBe(2);
  expect(stage.servers.gcp.requests()[1]?.query.get("wait_for_change")).toBe("true");
  stage.notices.announce({ notice: "live-migration" });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(heard).toBeUndefined();
  stage.notices.announce({ notice: "preempted" });
  await looking;
  expect(heard).toEqual([{ kind: "gcp-preempted" }]);
});

it("a look that is held back ends with its signal", async () => {
  const [preempted] = stage.platform("gcp").lines;
  const stop = new AbortController();
  await preempted?.look(stop.signal);
  const looking = preempted?.look(stop.signal);
  await expect.poll(() => stage.servers.gcp.requests().length).toBe(2);
  stop.abort();
  await expect(looking).rejects.toThrow("aborted");
});

describe("Azure's events", () => {
  it("of other machines of the set are none of this one's", async () => {
    const azure = stage.platform("azure");
    stage.notices.announce({ notice: "preempt", resources: ["builder-2"] });
    expect(await lookAt(azure)).toEqual([]);
    stage.notices.announce({ notice: "reboot", resources: ["builder-2", "BUILDER-1"] });
    expect(await lookAt(azure)).toMatchObject([{ kind: "azure-reboot" }]);
  });

  it("may be acknowledged where they concern this machine alone, and have then begun", async () => {
    const azure = stage.platform("azure");
    stage.notices.announce({ notice: "reboot", resources: ["builder-1", "builder-2"] });
    stage.notices.announce({ notice: "preempt" });
    const [reboot, preempt] = await lookAt(azure);
    expect([reboot?.mayBeAcknowledged, preempt?.mayBeAcknowledged]).toEqual([undefined, true]);
    await azure.acknowledge?.([preempt?.id ?? ""], new AbortController().signal);
    expect(await lookAt(azure)).toMatchObject([{ kind: "azure-reboot" }, { kind: "azure-preempt", leftMs: 0 }]);
    await expect(azure.acknowledge?.(["unknown"], new AbortController().signal)).rejects.toMatchObject({
      code: "metadata.no-answer",
    });
  });
});

const FAULTS: readonly MetadataFault[] = [
  { kind: "reset" },
  { kind: "status", status: 403 },
  { kind: "status", status: 503 },
  { kind: "page" },
  { kind: "halved" },
  { kind: "truncated" },
  { kind: "flood" },
  { kind: "noise" },
  { kind: "type", type: "image/png" },
  { kind: "redirect", to: "http://127.0.0.1:1/" },
];

describe.each<PlatformName>(["aws", "gcp", "azure"])("whatever is wrong with %s", (name) => {
  it.each(FAULTS)("$kind: it is a fault with a code, and announces nothing", async (fault) => {
    const platform = stage.platform(name);
    const notice = { aws: "spot-terminate", gcp: "preempted", azure: "preempt" } as const;
    stage.notices.announce({ notice: notice[name] });
    stage.servers[name].faults.set("*", fault);
    for (const line of platform.lines.slice(0, 1)) {
      await expect(line.look(new AbortController().signal)).rejects.toMatchObject({
        code: expect.stringMatching(/^(metadata\.no-answer|notices\.not-understood)$/) as string,
      });
    }
    stage.servers[name].faults.clear();
    expect(await lookAt(platform)).toHaveLength(1);
  });

  it("a service that never answers is given up within seconds", async () => {
    const platform = stage.platform(name);
    stage.servers[name].faults.set("*", { kind: "hang" });
    await expect(platform.lines[0]?.look(new AbortController().signal)).rejects.toMatchObject({
      code: "metadata.no-answer",
      message: expect.stringMatching(/did not answer within the [25] s/) as string,
    });
  }, 15_000);
});
