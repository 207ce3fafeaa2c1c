import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();
const [GATEWAY, CONTROL, PORT] = [
  "builder-agent-gateway.service",
  "builder-agent-control.service",
  "builder-agent.socket",
] as const;
/**
 * Under the limit that systemd would keep, thirty starts of half a second were over long before.
 */
const TROUBLE_MS = 60_000;
/** The longest pause, and a start on a busy machine. */
const BACK_MS = 60_000;

const systemctl = (...words: readonly string[]): Promise<string> => machine().container.run("systemctl", words);

/** Where both units may look. */
const TROUBLE = "/etc/builder-agent/trouble";

/** Until the machine's next boot, no start of the unit succeeds as long as there is TROUBLE. */
async function failsInTrouble(unit: string): Promise<void> {
  const dir = `/run/systemd/system/${unit}.d`;
  const lines = `[Service]\\nExecStartPre=/usr/bin/test ! -e ${TROUBLE}\\n`;
  const put = `mkdir -p ${dir} && printf '${lines}' >${dir}/95-test.conf`;
  await machine().container.run("sh", ["-c", put]);
}

/** As if all had been well for half a minute: nobody pauses at first. */
async function quietWhile(): Promise<void> {
  await machine().container.run("sh", ["-c", "rm --force /run/builder-agent/*/starts"]);
}

async function backWithin(ms: number): Promise<void> {
  await eventually(
    "gateway and control are back",
    async () => {
      const states = await Promise.all([GATEWAY, CONTROL].map((unit) => machine().container.show(unit, "ActiveState")));
      return states.every(({ ActiveState }) => ActiveState === "active");
    },
    ms,
  );
  await machine().readyAgain();
}

it("gateway and control come back by themselves when what kept them from starting has passed", {
  timeout: 240_000,
}, async () => {
  for (const unit of [GATEWAY, CONTROL]) await failsInTrouble(unit);
  await systemctl("daemon-reload");
  await machine().container.run("touch", [TROUBLE]);
  for (const unit of [GATEWAY, CONTROL]) await systemctl("kill", "--kill-whom=main", "--signal=KILL", unit);
  await sleep(TROUBLE_MS);
  for (const unit of [GATEWAY, CONTROL]) {
    const { NRestarts, ActiveState } = await machine().container.show(unit, "NRestarts", "ActiveState");
    // Inactive is control while its start waits for the gateway's: After=.
    expect(["activating", "inactive"]).toContain(ActiveState);
    // At once at first, then slower and slower: neither one that has given up nor one that spins.
    expect(Number(NRestarts)).toBeGreaterThan(2);
    expect(Number(NRestarts)).toBeLessThan(20);
  }
  await machine().container.run("rm", [TROUBLE]);
  await backWithin(BACK_MS);
  expect(await machine().buildOnce("after-the-trouble")).toBe("after-the-trouble");
});

it("a port that was taken for a while is the builds' again", { timeout: 180_000 }, async () => {
  await quietWhile();
  await systemctl("stop", GATEWAY, PORT);
  const taker = "port-taker.service";
  const node = "/usr/lib/builder-agent/node/bin/node";
  const words = ["--unit", taker, node, "-e", "require('node:net').createServer().listen(8443)"];
  await machine().container.run("systemd-run", words);
  await eventually("the port is taken", async () =>
    (await machine().container.run("ss", ["--listening", "--tcp", "--numeric"])).includes(":8443"),
  );
  // As a boot would: the socket fails, and the gateway without it.
  await systemctl("start", "--no-block", GATEWAY);
  await eventually("the gateway has been tried again", async () => {
    const { NRestarts } = await machine().container.show(GATEWAY, "NRestarts");
    return Number(NRestarts) >= 2;
  });
  await systemctl("stop", taker);
  await backWithin(BACK_MS);
  expect(await machine().buildOnce("on-its-port")).toBe("on-its-port");
});

it("control comes up also where the restart that was to start it met it as it gave up", {
  timeout: 240_000,
}, async () => {
  const config = "/etc/builder-agent/config.toml";
  // As long as its end takes on a busy machine, and longer.
  const dir = `/run/systemd/system/${CONTROL}.d`;
  const slow = `mkdir -p ${dir} && printf '[Service]\\nExecStopPost=/usr/bin/sleep 4\\n' >${dir}/96-test.conf`;
  await machine().container.run("sh", ["-c", `${slow} && cp ${config} /root/ && echo '[nonsense]' >>${config}`]);
  await systemctl("daemon-reload");
  await quietWhile();
  await systemctl("restart", "builder-agent.target");
  await eventually("control gives up", async () => {
    const { SubState } = await machine().container.show(CONTROL, "SubState");
    return SubState === "stop-post";
  });
  await machine().container.run("cp", ["/root/config.toml", config]);
  await systemctl("restart", "builder-agent.target");
  await backWithin(BACK_MS);
  const told = (await machine().entries("builder-agent-again.service")).map(({ event }) => event);
  expect(told).toContain("Control gave up while the target was started anew: it is started once more");
  await machine().container.run("rm", [`${dir}/96-test.conf`]);
  await systemctl("daemon-reload");
});

it("a reload takes the log's level and names what needs a restart; nothing is cut", async () => {
  const before = await machine().container.show(CONTROL, "MainPID");
  await using held = await machine().holdBuild();
  const more = '\\n[log]\\nlevel = \\"debug\\"\\n[health]\\nlisten = \\"127.0.0.1:9\\"\\n';
  await machine().container.run("sh", ["-c", `printf "${more}" >>/etc/builder-agent/config.toml`]);
  await systemctl("reload", GATEWAY, CONTROL);
  for (const unit of [GATEWAY, CONTROL])
    expect((await machine().untilEntry(unit, "config.taken")).data).toMatchObject({ logLevel: "debug" });
  expect((await machine().untilEntry(CONTROL, "config.needs-restart")).data).toMatchObject({ keys: ["health.listen"] });
  await held.finish();
  expect(await machine().container.show(CONTROL, "MainPID")).toEqual(before);
});
