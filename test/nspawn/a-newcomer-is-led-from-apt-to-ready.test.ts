import { copyFile, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, it } from "vitest";
import { architectures } from "../../tools/image/deb/architecture.mjs";
import { deb } from "../../tools/image/deb/deb.mjs";
import { eventually } from "../journeys/stage/eventually.ts";
import { REF } from "./stage/machine.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

/** A plain Debian machine. Each step here is one that a command before it has printed. */
const machine = sharedMachine({ isPlain: true });

const CONFIG = "/etc/builder-agent/config.toml";
const RESTART = "systemctl restart builder-agent.target";

/** What it says, on both streams, and its exit code. */
function shell(line: string): Promise<string> {
  return machine().container.run("sh", ["-c", `(${line}) 2>&1; echo "rc $?"`], 90_000);
}

interface Finding {
  readonly name: string;
  readonly state: string;
  readonly evidence: string;
  readonly next?: string;
  readonly causedBy?: string;
}

/** What its doctor finds amiss, but for what something else there explains. */
async function amiss(): Promise<readonly Finding[]> {
  const told = await machine().container.run("sh", ["-c", "builder-agent doctor --json || true"]);
  const { findings } = JSON.parse(told) as { readonly findings: readonly Finding[] };
  return findings.filter(({ state, causedBy }) => state !== "ok" && causedBy === undefined);
}

/** A doctor's look takes seconds on a machine that is busy. */
const FOUND_MS = 60_000;

async function untilAmiss(name: string, says = ""): Promise<Finding> {
  let found: readonly Finding[] = [];
  const find = async (): Promise<Finding | undefined> => {
    found = await amiss();
    return found.find((one) => one.name === name && one.evidence.includes(says));
  };
  return eventually(`its doctor finds ${name}`, find, FOUND_MS).catch((cause: unknown) => {
    throw new Error(`Its doctor finds ${JSON.stringify(found)}`, { cause });
  });
}

/** As whoever sits at the machine edits a file. */
const onMachine = (path: string): string => join(machine().disk.root, path);

it("is told by apt what to do first", async () => {
  const file = deb(architectures.amd64).file();
  await copyFile(file, onMachine(`root/${basename(file)}`));
  const purged = await shell("systemctl stop builder-agent.target; dpkg --purge builder-agent");
  expect(purged).toMatch(/rc 0\n$/);
  const told = await shell(`apt-get install --yes --quiet --no-install-recommends /root/${basename(file)}`);
  expect(told).toMatch(/rc 0\n$/);
  // apt gives dpkg a terminal of its own.
  const lines = told.replaceAll("\r", "");
  const [, after = ""] = /starts nothing before it is configured:\n([^]*)\nMore: (.*)\n/.exec(lines) ?? [];
  expect(after.split("\n").map((line) => line.split("#")[0]?.trim())).toEqual([
    `cp ${CONFIG}.example ${CONFIG}`,
    `editor ${CONFIG}`,
    "builder-agent config check",
    "systemctl start builder-agent.target",
    "builder-agent doctor",
  ]);
  expect(await shell("test -s /usr/share/doc/builder-agent/operations.md")).toBe("rc 0\n");
});

it("is led to the file that is missing by whichever command comes to mind", async () => {
  expect(await shell("builder-agent")).toMatch(/On a new machine[^]*builder-agent doctor[^]*rc 64\n$/);
  expect(await shell("builder-agent config check")).toMatch(`There is no ${CONFIG} yet. First: cp ${CONFIG}.example`);
  expect(await shell("builder-agent status")).toMatch(/builder-agent doctor tells what keeps it from starting/);
  await shell("systemctl start builder-agent.target");
  const state = await shell("systemctl status --no-pager builder-agent-control.service");
  expect(state).toContain(`ConditionPathExists=${CONFIG} was not met`);
  expect(state).toContain("man:builder-agent(8)");
  expect(await amiss()).toEqual([
    {
      name: "config",
      state: "fail",
      evidence: `There is no ${CONFIG} yet`,
      next: `cp ${CONFIG}.example ${CONFIG}, and edit it`,
    },
  ]);
});

it("is told that the example alone is not enough, and which file it names that is not there", async () => {
  await shell(`cp ${CONFIG}.example ${CONFIG}`);
  const check = await shell("builder-agent config check");
  expect(check).toMatch(/controlPlane\.caFile .*control-plane-ca\.pem", which cannot be read[^]*rc 78\n$/);
  await shell("systemctl start builder-agent.target");
  await eventually("control has given up", async () =>
    (await shell("systemctl is-failed builder-agent-control.service")).startsWith("failed"),
  );
  const [first, ...more] = await eventually("its doctor names one cause", async () => {
    const found = await amiss();
    return found.length === 1 ? found : undefined;
  });
  expect(more).toEqual([]);
  expect(first).toMatchObject({ name: "config/controlPlane.caFile", next: expect.stringContaining(RESTART) as string });
});

it("is told of a control plane that nobody knows, and that a file was changed since", {
  timeout: 180_000,
}, async () => {
  const { plane } = machine();
  await writeFile(onMachine("etc/builder-agent/control-plane-ca.pem"), plane.caPem);
  await shell(RESTART);
  await untilAmiss("machine-certificate", "its name is not known");
  const config = await readFile(onMachine(CONFIG.slice(1)), "utf8");
  const right = `endpoint = "${machine().planeEndpoint}"\nserverName = "${plane.serverName}"`;
  await writeFile(onMachine(CONFIG.slice(1)), config.replace(/^endpoint = .*$/m, right));
  expect(await untilAmiss("config/unread")).toMatchObject({ state: "warn", next: RESTART });
});

it("is told of the token that is missing, where it goes, and what takes it", { timeout: 120_000 }, async () => {
  const found = await untilAmiss("config/identity.tokenFile");
  expect(found.evidence).toContain("/etc/credstore/join-token");
  expect(found.next).toBe(`put it there, for its owner alone (install -m 0600), then ${RESTART}`);
  await writeFile(onMachine("etc/credstore/join-token"), machine().plane.issueJoinToken(REF), { mode: 0o600 });
  await shell(RESTART);
});

it("is told why it is not ready still, in one sentence with the command that mends it, and then it is", {
  timeout: 240_000,
}, async () => {
  const cache = await untilAmiss("cache-volume", "No device is named");
  const [, mend = ""] = /No device is named for the cache.*: (cp -r .* daemon-reload)$/.exec(cache.evidence) ?? [];
  expect(await shell("builder-agent status")).toContain(`cache-volume: ${cache.evidence}`);
  expect(await shell(mend)).toBe("rc 0\n");
  await shell(RESTART);
  await machine().readyAgain();
  // What is looked at now and then has its first look soon after.
  await eventually("its doctor finds nothing wrong", async () =>
    (await shell("builder-agent doctor")).endsWith("rc 0\n"),
  );
  expect(await machine().buildOnce("led")).toBe("led");
});
