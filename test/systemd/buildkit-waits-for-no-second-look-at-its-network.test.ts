import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";

/** As nft lists them: the guard between tables of others. */
const GUARD = "table inet builder_agent {\n\tchain forward {\n\t\ttype filter hook forward priority -10\n\t}\n}";
const RULESET = `table ip nat {\n}\n${GUARD}\ntable inet builder_agent_of_others {\n}\n`;

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ensure-"));
  mkdirSync(join(dir, "leases/builder-agent"), { recursive: true });
  mkdirSync(join(dir, "bin"));
  writeFileSync(join(dir, "bin/nft"), `#!/bin/sh\ncat ${dir}/ruleset\n`);
  chmodSync(join(dir, "bin/nft"), 0o755);
  writeFileSync(join(dir, "ruleset"), RULESET);
  writeFileSync(join(dir, "network.json.lock"), "");
  const kernel = createHash("sha256").update(GUARD).digest("hex");
  writeFileSync(
    join(dir, "network.json"),
    `${JSON.stringify({ schemaVersion: 1, guard: { script: "s", kernel } }, undefined, 2)}\n`,
  );
});

afterEach(() => rmSync(dir, { recursive: true }));

/** Whether the program runs that puts everything in force; it ends with 7. */
function runsProgram(): boolean {
  const script = inTree("tools/image/deb/files/ensure-network");
  const env = { PATH: `${join(dir, "bin")}:${process.env["PATH"]}` };
  const { status, stderr } = spawnSync("sh", [script, dir, "sh", "-c", "exit 7"], { env, encoding: "utf8" });
  expect(stderr).toBe("");
  expect([0, 7]).toContain(status);
  return status === 7;
}

function lease(name: string, owner: string): void {
  writeFileSync(join(dir, "leases/builder-agent", name), `${owner}\r\neth0`);
}

describe("before BuildKit starts", () => {
  it("is a look enough where control's order has just put the guard in force", () => {
    expect(runsProgram()).toBe(false);
    lease("198.18.0.7", "builder-agent-probe-1");
    lease("fdb1::7", "builder-agent-probe-1");
    writeFileSync(join(dir, "leases/builder-agent/last_reserved_ip.0"), "198.18.0.7");
    expect(runsProgram()).toBe(false);
  });

  it.each<[string, () => void]>([
    ["somebody has changed the guard", () => writeFileSync(join(dir, "ruleset"), RULESET.replace("-10", "-9"))],
    ["somebody has flushed it", () => writeFileSync(join(dir, "ruleset"), "")],
    ["nft says nothing", () => writeFileSync(join(dir, "bin/nft"), "#!/bin/sh\nexit 1\n")],
    ["nobody has put anything in force", () => rmSync(join(dir, "network.json"))],
    ["it was put in force a while ago", () => utimesSync(join(dir, "network.json"), 0, Date.now() / 1_000 - 11)],
    ["its time is to come", () => utimesSync(join(dir, "network.json"), 0, Date.now() / 1_000 + 60)],
    ["an earlier BuildKit's step has left an IPv4 address", () => lease("198.18.0.8", "abc123")],
    ["an earlier BuildKit's step has left an IPv6 address", () => lease("fdb1::8", "abc123")],
    ["nobody can hold the lock", () => rmSync(join(dir, "network.json.lock"))],
  ])("is everything put in force where %s", (_, spoil) => {
    spoil();
    expect(runsProgram()).toBe(true);
  });

  it("is everything put in force where somebody is changing it", () => {
    const script = inTree("tools/image/deb/files/ensure-network");
    const env = { PATH: `${join(dir, "bin")}:${process.env["PATH"]}` };
    const args = [join(dir, "network.json.lock"), "sh", script, dir, "sh", "-c", "exit 7"];
    expect(spawnSync("flock", args, { env }).status).toBe(7);
  });
});
