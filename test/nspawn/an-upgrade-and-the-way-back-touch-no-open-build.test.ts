import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { Trouble } from "../../agent/core/troubles.ts";
import { architectures } from "../../tools/image/deb/architecture.mjs";
import { deb } from "../../tools/image/deb/deb.mjs";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";
import { canBoot } from "./stage/whether.ts";

const machine = sharedMachine();
const [GATEWAY, CONTROL, BUILDKIT] = [
  "builder-agent-gateway.service",
  "builder-agent-control.service",
  "buildkitd.service",
] as const;
const [EARLIER, PRESENT] = ["earlier.deb", "present.deb"] as const;

/** What `npm run test:nspawn` has made of the release before this one. */
const earlier = process.env["BUILDER_AGENT_EARLIER_PACKAGE"] ?? "";
beforeAll(async () => {
  if (!canBoot() || earlier === "") return;
  const onMachine = (name: string): string => join(machine().disk.root, "root", name);
  await copyFile(deb(architectures.amd64).file(), onMachine(PRESENT));
  await copyFile(earlier, onMachine(EARLIER));
});
beforeEach(({ skip }) => {
  if (earlier === "") skip("this clone's history does not reach back to the release before: git fetch --unshallow");
});

/** What the package says of what it did, a line each. */
async function install(file: string): Promise<readonly string[]> {
  const said = await machine().container.run("dpkg", ["--install", `/root/${file}`], 120_000);
  return said.split("\n").filter((line) => line.startsWith("builder-agent: "));
}

async function mainPid(unit: string): Promise<string> {
  return (await machine().container.show(unit, "MainPID")).MainPID;
}

async function mainPids() {
  return {
    control: await mainPid(CONTROL),
    gateway: await mainPid(GATEWAY),
    buildkitd: await mainPid(BUILDKIT),
  };
}

/** Control runs again, and the machine is ready by its word. */
async function controlIsAnother(before: string): Promise<void> {
  await eventually("control runs again", async () => !["0", before].includes(await mainPid(CONTROL)));
  await machine().readyAgain();
}

async function status(): Promise<string> {
  return machine().container.run("sh", ["-c", "builder-agent status --json || true"]);
}

/** Each session of the build has one record, and ended as its client wished. */
async function isWhole({ buildId }: { readonly buildId: string }): Promise<void> {
  const { plane } = machine();
  const records = () => plane.records().filter((record) => record.buildId === buildId);
  await plane.until(() => records().length > 0, { what: "the build's records", deadlineMs: 30_000 });
  expect(new Set(records().map(({ ending }) => ending))).toEqual(new Set([SessionEnding.CLIENT_CLOSED]));
  expect(new Set(records().map(({ sessionId }) => sessionId)).size).toBe(records().length);
}

/** Whether the unit's main process is the one that starts gateways. */
async function hasKeeper(): Promise<boolean> {
  // It may be just starting.
  const pid = await machine()
    .container.mainPid(GATEWAY)
    .catch(() => 0);
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return line.includes("/keep-gateway\0");
}

it("back to the release before: the open build goes on, and what this one has written is read", {
  timeout: 180_000,
}, async () => {
  await using held = await machine().holdBuild();
  const before = await mainPids();
  await install(EARLIER);
  await controlIsAnother(before.control);
  await held.finish();
  await isWhole(held);
  expect(await machine().buildOnce("back")).toBe("back");
  expect(await mainPids()).toMatchObject({ gateway: before.gateway, buildkitd: before.buildkitd });
  const complaints = (await machine().entries(CONTROL)).filter(({ event }) =>
    /damaged|unreadable|malformed/.test(event),
  );
  expect(complaints).toEqual([]);
  await machine().container.run("systemctl", ["restart", "builder-agent.target"]);
  await machine().readyAgain();
  expect(await hasKeeper()).toBe(false);
  expect(await machine().buildOnce("all-of-it")).toBe("all-of-it");
});

it("from the release before: it says what waits, the open build goes on, and gateway and BuildKit start anew once it is over", {
  timeout: 180_000,
}, async () => {
  await using held = await machine().holdBuild();
  const before = await mainPids();
  expect(await install(PRESENT)).toEqual([
    "builder-agent: control: started anew, as the same machine; no session is touched",
    expect.stringMatching(/^builder-agent: gateway: untouched; its unit has changed, and starts anew by itself/),
    "builder-agent: BuildKit: untouched; it starts anew by itself once no session is open",
  ]);
  await controlIsAnother(before.control);
  await eventually("its status says what waits", async () => {
    const told = await status();
    return ["its unit starts anew for the installed release", "it starts anew for the installed release"].every(
      (words) => told.includes(words),
    );
  });
  expect(await mainPids()).toMatchObject({ gateway: before.gateway, buildkitd: before.buildkitd });
  await expect(machine().container.run("builder-agent", ["gateway", "replace"])).rejects.toThrow(
    /started by a release that cannot replace it/,
  );
  await held.finish();
  await isWhole(held);
  await eventually("the gateway has started anew", hasKeeper);
  await eventually("BuildKit has started anew", async () => !["0", before.buildkitd].includes(await mainPid(BUILDKIT)));
  await machine().readyAgain();
  expect(await machine().buildOnce("anew")).toBe("anew");
  const told = JSON.parse(await status()) as {
    readonly troubles: readonly Pick<Trouble, "is" | "what">[];
    readonly checks: readonly object[];
  };
  // Control was killed, and says so; what was not ready for a moment says that, too.
  const ended = told.troubles.filter((one) => one.is !== "check-failed" && one.what !== "control");
  expect(ended).toEqual([]);
  expect(JSON.stringify(told.checks)).not.toContain("for the installed release");
});

it("to a release with the same units: the gateway is replaced, and BuildKit is left as it is", {
  timeout: 180_000,
}, async () => {
  await using held = await machine().holdBuild();
  const before = await mainPids();
  expect(await install(PRESENT)).toEqual([
    "builder-agent: control: started anew, as the same machine; no session is touched",
    expect.stringMatching(
      /^builder-agent: gateway: replaced, no session is touched\. A new gateway serves, \d+ ms after .* goes on with 1 session open$/,
    ),
    "builder-agent: BuildKit: untouched; this release has the same",
  ]);
  await controlIsAnother(before.control);
  expect(await machine().buildOnce("meanwhile")).toBe("meanwhile");
  await held.finish();
  await isWhole(held);
  await eventually(
    "the old gateway has ended",
    async () => (await machine().container.childrenOf(GATEWAY)).length === 1,
  );
  expect(await mainPids()).toMatchObject({ gateway: before.gateway, buildkitd: before.buildkitd });
  const journal = await machine().container.run("journalctl", ["--no-pager", "--identifier=builder-agent-upgrade"]);
  expect(journal).toContain("gateway: replaced, no session is touched");
  expect(await machine().container.run("systemctl", ["--failed", "--no-legend", "--plain"])).toBe("");
});
