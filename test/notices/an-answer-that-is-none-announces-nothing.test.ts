import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PlatformName } from "../../agent/core/notices/notice.ts";
import { SayingServer } from "./saying-server.ts";

const { signal } = new AbortController();
const SPOT = "spot/instance-action";
const MAINTENANCE = "events/maintenance/scheduled";
const REBALANCE = "events/recommendations/rebalance";
const TARGET = "autoscaling/target-lifecycle-state";
const SOON = new Date(Date.now() + 60_000).toISOString();

const maintenance = { NotBefore: SOON, Code: "system-reboot", EventId: "e-1", State: "active" };
const event = {
  ...{ EventId: "E-1", EventType: "Reboot", Resources: ["builder-1"], EventStatus: "Scheduled" },
  ...{ NotBefore: new Date(Date.now() + 60_000).toUTCString(), Description: "words" },
};
const azure = (...events: unknown[]) => ({ Events: events });

let server: SayingServer;
beforeEach(async () => {
  server = await SayingServer.listen();
});
afterEach(() => server[Symbol.asyncDispose]());

const look = (platform: PlatformName, line: string, said: unknown) => {
  server.says.set(line, typeof said === "string" ? said : JSON.stringify(said));
  return server.line(platform, line).look(signal);
};

it.each<readonly [PlatformName, string, unknown]>([
  ["aws", SPOT, { action: "explode", time: SOON }],
  ["aws", SPOT, { action: "terminate", time: "soon" }],
  ["aws", SPOT, { action: "terminate" }],
  ["aws", SPOT, ["terminate"]],
  ["aws", MAINTENANCE, maintenance],
  ["aws", MAINTENANCE, [{ ...maintenance, NotBefore: "soon" }]],
  ["aws", MAINTENANCE, [{ ...maintenance, EventId: 1 }]],
  ["aws", REBALANCE, { noticeTime: "soon" }],
  ["aws", REBALANCE, { noticeTime: 5 }],
  ["aws", TARGET, "terminated, soon"],
  ["aws", TARGET, ""],
  ["gcp", "instance/preempted", "MAYBE"],
  ["gcp", "instance/maintenance-event", "TRUE"],
  ["azure", "scheduledevents", {}],
  ["azure", "scheduledevents", azure({ ...event, EventId: "a b" })],
  ["azure", "scheduledevents", azure({ ...event, EventId: undefined })],
  ["azure", "scheduledevents", azure({ ...event, Resources: "builder-1" })],
  ["azure", "scheduledevents", azure({ ...event, NotBefore: "soon" })],
])("%s that says what means nothing of %s is not understood (%#)", async (platform, line, said) => {
  await expect(look(platform, line, said)).rejects.toMatchObject({ code: "notices.not-understood" });
});

describe("what each says", () => {
  it("of a maintenance are its words, its id and its time", async () => {
    const [notice, ...more] = await look("aws", MAINTENANCE, [maintenance, { ...maintenance, State: "completed" }]);
    expect(more).toEqual([]);
    expect(notice).toMatchObject({ kind: "aws-maintenance", id: "e-1", words: "system-reboot" });
    expect(notice?.atMs).toBe(Date.parse(SOON));
  });

  it.each([
    ["Terminated", 1],
    ["Warmed:Terminated", 1],
    ["InService", 0],
    ["Warmed:Stopped", 0],
  ])("of the state %s that an Auto Scaling group wants are %i orders to end", async (state, orders) => {
    expect(await look("aws", TARGET, `${state}\n`)).toHaveLength(orders);
  });

  it("of a type of event that nobody knows yet is told as another one", async () => {
    expect(await look("azure", "scheduledevents", azure({ ...event, EventType: "Vaporise" }))).toMatchObject([
      { kind: "azure-other", id: "E-1", words: "words", mayBeAcknowledged: true },
    ]);
  });

  it.each([
    { what: "has begun", more: { EventStatus: "Started" } },
    { what: "waits for nobody", more: { NotBefore: "" } },
  ])("of an event that $what is now", async ({ more }) => {
    expect(await look("azure", "scheduledevents", azure({ ...event, ...more }))).toMatchObject([{ leftMs: 0 }]);
  });

  it("of an event that has begun, or that concerns others as well, is not to be acknowledged", async () => {
    const begun = { ...event, EventStatus: "Started" };
    const shared = { ...event, Resources: ["builder-1", "builder-2"] };
    const notices = await look("azure", "scheduledevents", azure(begun, shared));
    expect(notices.map(({ mayBeAcknowledged }) => mayBeAcknowledged)).toEqual([undefined, undefined]);
  });

  it("of a moment that is over is none that is left", async () => {
    const past = new Date(Date.now() - 60_000).toISOString();
    expect(await look("aws", SPOT, { action: "stop", time: past })).toMatchObject([{ leftMs: 0 }]);
  });
});

it("of a service whose clock says nothing this machine's own counts", async () => {
  const text = JSON.stringify({ action: "stop", time: new Date(Date.now() + 60_000).toISOString() });
  server.says.set(SPOT, { text, headers: { date: "never" } });
  const [notice] = await server.line("aws", SPOT).look(signal);
  expect(Math.abs((notice?.leftMs ?? Number.NaN) - 60_000)).toBeLessThan(10_000);
});

it("Azure's name for this machine is asked for once", async () => {
  server.says.set("scheduledevents", JSON.stringify(azure()));
  const [events] = server.platform("azure").lines;
  await events?.look(signal);
  await events?.look(signal);
  expect(server.asked.filter(({ path }) => path.endsWith("/instance/compute"))).toHaveLength(1);
});

it.each([
  { etag: '"0a1b+/="', isHeld: "true" },
  { etag: "no tag at all", isHeld: null },
])("Google's next answer is held back by the tag of the last one, if it is one: $etag", async ({ etag, isHeld }) => {
  server.says.set("instance/preempted", { text: "FALSE\n", headers: { etag } });
  const line = server.line("gcp", "instance/preempted");
  await line.look(signal);
  await line.look(signal);
  expect(server.asked.map(({ query }) => query.get("wait_for_change"))).toEqual([null, isHeld]);
});

it("after an answer that was not understood Google's value is asked for as it is", async () => {
  server.says.set("instance/preempted", { text: "FALSE", headers: { etag: "1" } });
  const line = server.line("gcp", "instance/preempted");
  await line.look(signal);
  server.says.set("instance/preempted", { text: "MAYBE", headers: { etag: "2" } });
  await expect(line.look(signal)).rejects.toMatchObject({ code: "notices.not-understood" });
  server.says.set("instance/preempted", { text: "TRUE", headers: { etag: "3" } });
  expect(await line.look(signal)).toEqual([{ kind: "gcp-preempted" }]);
  expect(server.asked.map(({ query }) => query.get("last_etag"))).toEqual([null, "1", null]);
});

it("an answer that does not say that it is Google's is none", async () => {
  server.says.set("instance/preempted", { text: "TRUE", headers: { "metadata-flavor": "Other" } });
  await expect(server.line("gcp", "instance/preempted").look(signal)).rejects.toMatchObject({
    code: "metadata.no-answer",
  });
});

it("a token of EC2's that is no token is not sent back", async () => {
  server.says.set("/latest/api/token", "<html>a page</html>");
  await expect(server.line("aws", SPOT).look(signal)).rejects.toMatchObject({ code: "notices.not-understood" });
  expect(server.asked).toHaveLength(1);
  server.says.set("/latest/api/token", "token");
  expect(await server.line("aws", SPOT).look(signal)).toEqual([]);
});

/** What its documentation advises, and what a notice of half a minute leaves time for. */
it.each<readonly [PlatformName, number]>([
  ["aws", 5_000],
  ["gcp", 1_000],
  ["azure", 1_000],
])("%s is asked every %i ms for what may end a machine", (name, everyMs) => {
  const told = new Set([MAINTENANCE]);
  const periods = server.platform(name).lines.filter((line) => !told.has(line.name));
  expect(new Set(periods.map((line) => line.everyMs))).toEqual(new Set([everyMs]));
});
