import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

/** What a user in this group, and in no other, gets to hear. */
const asOperator = (...argv: string[]): Promise<string> => asMember("builder-agent-operators", argv);
const asMember = (group: string, argv: readonly string[]): Promise<string> =>
  machine().container.run("setpriv", [
    ...["--reuid=nobody", `--regid=${group}`, "--clear-groups", "--", "/bin/sh", "-c"],
    ...['builder-agent "$@"; echo "rc $?"', "sh", ...argv],
  ]);

it("lets the operators' group ask, and nobody else", async () => {
  const socket = "/run/builder-agent/operators/operators.sock";
  const owner = await machine().container.run("stat", ["--format=%U:%G %a", socket]);
  expect(owner.trim()).toBe("builder-control:builder-agent-operators 660");
  expect(await asOperator("reconnect")).toMatch(/^attached already: .*\nrc 0\n$/);
  expect(await asMember("nogroup", ["reconnect"])).toMatch(/rc 77\n$/);
});

it("shows its operators the journal of its units, each line once", async () => {
  const told = await machine().container.run("builder-agent", ["logs", "--unit", "control", "--json"]);
  const entries = told
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly by: string; readonly event?: string });
  expect(new Set(entries.map(({ by }) => by))).toEqual(new Set(["control"]));
  expect(entries.filter(({ event }) => event === "agent.ready")).toHaveLength(1);
});

it("is found well by its doctor, units included", async () => {
  const told = await machine().container.run("sh", ["-c", "builder-agent doctor --json || true"]);
  const { findings } = JSON.parse(told) as { findings: readonly { name: string; state: string }[] };
  expect(findings.filter(({ state }) => state === "fail")).toEqual([]);
  expect(findings.filter(({ name, state }) => name.startsWith("unit/") && state === "ok").length).toBeGreaterThan(4);
});

it("drains for an operator, stays down, and comes back when its target is started anew", async () => {
  const { container } = machine();
  expect(await asOperator("drain", "--reason", "kernel update")).toMatch(
    /^draining \(kernel update \(nobody\)\)[^]*\ndrained after .*: the agent has ended\nrc 0\n$/,
  );
  const ended = await eventually("control has ended", async () => {
    const now = await container.show("builder-agent-control.service", "ActiveState", "Result", "NRestarts");
    return now.ActiveState === "inactive" && now;
  });
  expect(ended).toMatchObject({ Result: "success", NRestarts: "0" });
  expect(await asOperator("status")).toMatch(/rc 69\n$/);
  await container.run("systemctl", ["restart", "builder-agent.target"]);
  await eventually("it is ready again", async () => (await asOperator("status")).endsWith("rc 0\n"));
});
