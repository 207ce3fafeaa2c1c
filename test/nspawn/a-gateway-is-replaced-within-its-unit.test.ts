import { expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { Trouble } from "../../agent/core/troubles.ts";
import { asMeasured, writeSection } from "../../bench/report/page.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

/** For figures it takes 25. */
const ROUNDS = Number(process.env["BUILDER_AGENT_UNIT_REPLACEMENTS"] ?? "3");
/** On a busy machine; one at rest needs a fraction. */
const LIMIT_MS = 180_000;
const COMMAND =
  "BUILDER_AGENT_UNIT_REPLACEMENTS=25 BUILDER_AGENT_WRITE_FIGURES=1 npm run test:nspawn -- test/nspawn/a-gateway-is-replaced";

const machine = sharedMachine();
const GATEWAY = "builder-agent-gateway.service";
const MAIN = "/usr/lib/builder-agent/agent/cli/main.js";

/** The gateways that run, the oldest first, as this machine sees their processes. */
const gateways = (): Promise<readonly number[]> => machine().container.childrenOf(GATEWAY);

async function sole(): Promise<number> {
  return eventually("one gateway runs", async () => {
    const [first, ...others] = await gateways();
    return others.length === 0 && first;
  });
}

/** What of the unit no replacement may change. */
function unit(): Promise<Record<string, string>> {
  return machine().container.show(GATEWAY, "ActiveState", "SubState", "MainPID", "NRestarts", "Result", "InvocationID");
}

/** Resolves when the machine tells of a gateway's end, with the builds that it broke. */
async function untilTold(how: RegExp, { buildId }: { readonly buildId: string }): Promise<void> {
  await eventually(`its status tells ${String(how)}`, async () => {
    const said = await machine().container.run("sh", ["-c", "builder-agent status --json || true"]);
    // Our own command's.
    const { troubles } = JSON.parse(said) as { readonly troubles: readonly Trouble[] };
    return troubles.some(
      ({ what, message, builds }) => what === "gateway" && how.test(message) && builds.includes(buildId),
    );
  });
}

async function replace(): Promise<string> {
  return machine().container.run("builder-agent", ["gateway", "replace"]);
}

function recordsOf({ buildId }: { readonly buildId: string }) {
  return machine()
    .plane.records()
    .filter((record) => record.buildId === buildId);
}

/** Each session of a build's, once, and how it ended. */
async function endingsOf(build: { readonly buildId: string }): Promise<readonly SessionEnding[]> {
  const { plane } = machine();
  await plane.until(() => recordsOf(build).length > 0, { what: "the build's records", deadlineMs: 30_000 });
  const records = recordsOf(build);
  expect(new Set(records.map(({ sessionId }) => sessionId)).size).toBe(records.length);
  return [...new Set(records.map(({ ending }) => ending))];
}

it(`${ROUNDS} times: an open build finishes in the old gateway, the next goes to the new one, and systemd sees the unit as it was`, {
  timeout: ROUNDS * LIMIT_MS,
}, async () => {
  const before = await unit();
  const sinceMs = performance.now();
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const old = await sole();
    await using first = await machine().holdBuild();
    const orderedMs = performance.now();
    expect(await replace()).toMatch(/^A new gateway serves.*the one before it goes on with 1 session open/);
    tookMs.push(performance.now() - orderedMs);
    await using second = await machine().holdBuild();
    await second.finish();
    expect(await gateways()).toContain(old);
    await first.finish();
    expect(await sole()).not.toBe(old);
    for (const build of [first, second]) expect(await endingsOf(build)).toEqual([SessionEnding.CLIENT_CLOSED]);
    expect(await unit()).toEqual(before);
  }
  expect(machine().plane.repeatedRecords).toBe(0);
  await machine().readyAgain();
  expect(await machine().container.run("systemctl", ["--failed", "--no-legend", "--plain"])).toBe("");
  await writeFigures(tookMs, (performance.now() - sinceMs) / 1_000);
});

it("an old gateway that is killed while it finishes breaks its own builds, says so, and touches nobody else's", {
  timeout: LIMIT_MS,
}, async () => {
  const before = await unit();
  const old = await sole();
  await using broken = await machine().holdBuild();
  await replace();
  await using whole = await machine().holdBuild();
  process.kill(old, "SIGKILL");
  await expect(broken.client.succeeds()).rejects.toThrow("The client failed");
  await untilTold(/killed by SIGKILL/, broken);
  expect(await endingsOf(broken)).toContain(SessionEnding.GATEWAY_LOST);
  await whole.finish();
  expect(await endingsOf(whole)).toEqual([SessionEnding.CLIENT_CLOSED]);
  await sole();
  expect(await unit()).toEqual(before);
});

it("a new gateway that is killed while the old one finishes is started again, and the old one's build goes on", {
  timeout: LIMIT_MS,
}, async () => {
  const before = await unit();
  const old = await sole();
  await using first = await machine().holdBuild();
  await replace();
  const [young] = (await gateways()).filter((pid) => pid !== old);
  process.kill(young ?? 0, "SIGKILL");
  await eventually("another gateway is there", async () => {
    const now = await gateways();
    return now.length === 2 && now.includes(old) && !now.includes(young ?? 0);
  });
  await machine().readyAgain();
  expect(await machine().buildOnce("beside")).toBe("beside");
  await first.finish();
  await sole();
  expect(await unit()).toEqual(before);
});

it("a new gateway that cannot start changes nothing, and takes over by itself once it can", {
  timeout: LIMIT_MS,
}, async () => {
  const before = await unit();
  const old = await sole();
  await machine().container.run("mv", [MAIN, `${MAIN}.away`]);
  await machine().container.run("systemctl", ["kill", "--kill-whom=main", "--signal=USR2", GATEWAY]);
  await eventually("the new one has failed", async () =>
    (await machine().entries(GATEWAY)).some(({ event }) => event.includes("did not last")),
  );
  expect(await machine().buildOnce("still-here")).toBe("still-here");
  expect(await gateways()).toContain(old);
  await machine().container.run("mv", [`${MAIN}.away`, MAIN]);
  await eventually("it has taken over", async () => (await gateways()).length === 1 && (await sole()) !== old);
  expect(await machine().buildOnce("taken-over")).toBe("taken-over");
  expect(await unit()).toEqual(before);
});

it("a new gateway that hangs is killed alone, and started again: the old one's build goes on", {
  timeout: LIMIT_MS,
}, async () => {
  const before = await unit();
  const old = await sole();
  await using open = await machine().holdBuild(LIMIT_MS);
  await replace();
  const [young] = (await gateways()).filter((pid) => pid !== old);
  process.kill(young ?? 0, "SIGSTOP");
  await eventually(
    "it is killed, and another one is there",
    async () => {
      const now = await gateways();
      return now.length === 2 && now.includes(old) && !now.includes(young ?? 0);
    },
    // As long as the watchdog has, and two looks.
    90_000,
  );
  expect((await machine().entries(GATEWAY)).some(({ event }) => event.includes("has ended (hung KILL)"))).toBe(true);
  await machine().readyAgain();
  expect(await machine().buildOnce("beside-a-hung-one")).toBe("beside-a-hung-one");
  await open.finish();
  expect(await endingsOf(open)).toEqual([SessionEnding.CLIENT_CLOSED]);
  await sole();
  expect(await unit()).toEqual(before);
});

it("with four gateways open a fifth is refused in words, and a stop of the unit ends them all", {
  timeout: LIMIT_MS,
}, async () => {
  const held = [];
  for (let round = 0; round < 3; round += 1) {
    held.push(await machine().holdBuild());
    await replace();
  }
  await expect(replace()).rejects.toThrow(/4 gateways run/);
  expect((await gateways()).length).toBe(4);
  await machine().container.run("systemctl", ["restart", GATEWAY]);
  await sole();
  for (const build of held) {
    await expect(build.client.succeeds()).rejects.toThrow("The client failed");
    expect(await endingsOf(build)).toContain(SessionEnding.GATEWAY_LOST);
    await build[Symbol.asyncDispose]();
  }
  await machine().readyAgain();
});

/** Only what every check above has passed. */
async function writeFigures(tookMs: readonly number[], seconds: number): Promise<void> {
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] !== "1") return;
  const sorted = tookMs.toSorted((a, b) => a - b);
  const [median, most] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((ms = 0) => Math.round(ms));
  const figures = `${ROUNDS} replacements of the gateway's process within its unit, each under a build that was in the middle of a step: ${2 * ROUNDS} builds, 0 broken; each session has one record, and systemd sees the same run of the unit.
From the command until it has seen the new gateway serve: median ${median} ms, at most ${most} ms.`;
  await writeSection(
    { page: "docs/reliability.md", name: "unit-replacements" },
    asMeasured({ command: COMMAND, seconds, figures }),
  );
}
