import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { asMeasured, writeSection } from "../../bench/report/page.ts";
import type { GuestBoot } from "../../bench/start/guest/guest-boot.ts";
import { guestTable } from "../../bench/start/guest/guest-table.ts";
import { DiskShelf } from "./machine/data-disk.ts";
import { writing } from "./machine/provision.ts";
import { perBoot } from "./stage/cache-wish.ts";
import { recipe, wasCached } from "./stage/recipes.ts";
import { toldBoot } from "./stage/told-boot.ts";
import { VmStage } from "./stage/vm-stage.ts";
import { REF } from "./stage/work-place.ts";

const begunMs = performance.now();
const RECIPE = recipe("echo built > /result");
const UNITS = [
  "builder-agent.socket",
  "builder-agent-gateway.service",
  "builder-agent-control.service",
  "builder-agent-volume.socket",
  "builder-agent-volume.service",
  String.raw`var-lib-builder\x2dagent-cache.mount`,
  "buildkitd.service",
];

let shelf: DiskShelf;
let stage: VmStage;
/** Of both boots: the first, by cloud-init's configuration, and the one after. */
const boots: GuestBoot[] = [];
beforeAll(async () => {
  shelf = await DiskShelf.make();
  stage = await VmStage.boot({ disks: [await shelf.blank()], cacheVolume: perBoot() });
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await shelf?.[Symbol.asyncDispose]();
});

it("first: becomes ready out of its box, and a client outside builds on its encrypted volume", async () => {
  const machine = await stage.ready();
  boots.push(await toldBoot(stage.guest));
  expect(machine.observed?.cacheVolume).toMatchObject({ encrypted: true, formatted: true, volumeId: "vol-1" });
  const { client, outputDir } = await stage.build(RECIPE);
  await client.succeeds();
  expect(await readFile(join(outputDir, "result"), "utf8")).toBe("built\n");

  const { guest } = stage;
  expect(await guest.run("cryptsetup status builder-agent-cache")).toMatch(
    /is in use\.\s+type:\s+LUKS2\s+cipher:\s+aes-xts-plain64\s+keysize:\s+512 bits[\s\S]*flags:.*discards/,
  );
  expect(await guest.run("findmnt --noheadings --output SOURCE --target /var/lib/builder-agent/cache/buildkit")).toBe(
    "/dev/mapper/builder-agent-cache",
  );
});

it("first: every unit works as confined as it is", async () => {
  const { guest } = stage;
  const states = await guest.run(`systemctl is-active ${UNITS.map((unit) => `'${unit}'`).join(" ")}`);
  expect(states.split("\n")).toEqual(UNITS.map(() => "active"));
  expect(await guest.run("systemctl list-units --failed --plain --no-legend")).toBe("");
  // 1326: a system call that a filter refused (linux/audit.h, AUDIT_SECCOMP); 31/SYS: a process
  // that ended of it.
  const refused = await guest.tries(
    "journalctl --boot --no-pager --output=cat | grep --invert-match COMMAND= | grep --extended-regexp 'type=1326|31/SYS|[Oo]peration not permitted|EPERM'",
  );
  expect(refused.stdout).toBe("");
});

it("has a new, empty volume after a reboot", async () => {
  const { guest, plane } = stage;
  const before = stage.machine;
  const next = { path: "/etc/credstore/join-token", permissions: "0600", content: plane.issueJoinToken(REF) };
  await guest.run(writing([next]));
  await guest.powerOff();
  await guest.start();
  const machine = await stage.ready();
  boots.push(await toldBoot(guest));
  expect(machine.id).not.toBe(before.id);
  expect(machine.observed?.cacheVolume).toMatchObject({ encrypted: true, formatted: true });
  const { client } = await stage.build(RECIPE);
  const { said } = await client.succeeds();
  expect(wasCached(said)).toBe(false);
});

it("tells where its start went", async () => {
  expect(boots).toHaveLength(2);
  for (const { totalMs, chapters } of boots)
    for (const { name, beganMs, tookMs } of chapters) {
      expect({ name, isWithin: beganMs >= 0 && tookMs >= 0 && beganMs + tookMs <= totalMs }).toEqual({
        name,
        isWithin: true,
      });
    }
  const figures = guestTable(boots);
  console.log(figures);
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] !== "1") return;
  const command = "npm run test:vm -- a-machine-boots-to-ready";
  const seconds = (performance.now() - begunMs) / 1_000;
  const node = (await stage.guest.run("/usr/lib/builder-agent/node/bin/node --version")).replace(/^v/, "");
  const page = { page: "docs/reliability.md", name: "start-in-a-guest" };
  await writeSection(page, asMeasured({ command, seconds, node, figures }));
});
