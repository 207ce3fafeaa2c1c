import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { UNIT_NAMES } from "../../agent/adapters/systemd/unit-names.ts";
import { inTree } from "../../sandbox/stack/tree.ts";

interface Action {
  readonly id: string;
  readonly lookup: (detail: string) => string | undefined;
}
type Rule = (action: Action, subject: { readonly user: string }) => unknown;

const MANAGE = "org.freedesktop.systemd1.manage-units";
const [MOUNT, VOLUME] = [UNIT_NAMES["cache-mount"], UNIT_NAMES["cache-volume"]];

/** As polkit asks the rule: of a verb on a unit. */
function verdict(user: string, unit: string | undefined, verb: string, id = MANAGE): unknown {
  const rules: Rule[] = [];
  const polkit = {
    Result: { YES: "yes", NO: "no", NOT_HANDLED: "not-handled" },
    addRule: (rule: Rule) => rules.push(rule),
  };
  runInNewContext(readFileSync(inTree("systemd/polkit/50-builder-agent.rules"), "utf8"), { polkit });
  const [rule, ...more] = rules;
  if (rule === undefined || more.length > 0) throw new Error("There is not exactly one rule");
  return rule({ id, lookup: (detail) => ({ unit, verb })[detail] }, { user });
}

it.each([
  ["buildkitd.service", "start", "yes"],
  ["buildkitd.service", "stop", "yes"],
  ["buildkitd.service", "kill", "yes"],
  [MOUNT, "start", "yes"],
  [VOLUME, "stop", "yes"],
  ["tailscaled.service", "start", "yes"],
  ["tailscaled.service", "stop", "yes"],
  ...Object.values(UNIT_NAMES).map((unit) => [unit, "restart", "no"]),
  [MOUNT, "stop", "no"],
  [MOUNT, "kill", "no"],
  [VOLUME, "start", "no"],
  [VOLUME, "kill", "no"],
  ["tailscaled.service", "kill", "no"],
  ["buildkitd.service", "reload", "no"],
  ["buildkitd.service", "set-property", "no"],
  ["buildkitd.service", "", "no"],
  ["builder-agent-control.service", "restart", "no"],
  ["builder-agent-gateway.service", "stop", "no"],
  ["builder-agent-volume@7.service", "start", "no"],
  ["builder-agent-network@7.service", "start", "no"],
  ["builder-agent-network.socket", "stop", "no"],
  ["builder-agent-buildkit-metrics.service", "start", "no"],
  ["builder-agent.target", "stop", "no"],
  ["builder-agent-terminal@7-4711-998.service", "stop", "yes"],
  ["builder-agent-terminal@7-4711_33-998.service", "stop", "yes"],
  ["builder-agent-terminal-root@7-4711-998.service", "stop", "yes"],
  ["builder-agent-terminal@7-4711-998.service", "start", "no"],
  ["builder-agent-terminal@7-4711-998.service", "kill", "no"],
  ["builder-agent-terminal@1.service", "stop", "no"],
  ["builder-agent-terminal-root@.service", "start", "no"],
  ["builder-agent-terminal.socket", "stop", "no"],
  ["ssh.service", "start", "no"],
  ["poweroff.target", "start", "no"],
  ["buildkitd.service.evil", "start", "no"],
  ["toString", "start", "no"],
  ["__proto__", "start", "no"],
  ["", "start", "no"],
])("control asks: %s, %s → %s", (unit, verb, expected) => {
  expect(verdict("builder-control", unit, verb ?? "")).toBe(expected);
});

it("answers no where systemd names no unit", () => {
  expect(verdict("builder-control", undefined, "start")).toBe("no");
});

it.each(["root", "builder-gateway", "nobody", "builder-control2"])("has nothing to say about %s", (user) => {
  expect(verdict(user, "buildkitd.service", "start")).toBe("not-handled");
});

it.each([
  "org.freedesktop.systemd1.manage-unit-files",
  "org.freedesktop.systemd1.reload-daemon",
  "org.freedesktop.login1.power-off",
])("has nothing to say about %s", (id) => {
  expect(verdict("builder-control", "buildkitd.service", "start", id)).toBe("not-handled");
});
