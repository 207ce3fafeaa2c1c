import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { perBoot } from "./stage/cache-wish.ts";
import { VmStage } from "./stage/vm-stage.ts";
import { withDisk } from "./stage/with-disk.ts";

const DOCKERFILE = [
  "FROM scratch AS work",
  "COPY busybox /bin/busybox",
  'RUN ["/bin/busybox", "sh", "-c", "echo built > /result"]',
  "FROM scratch",
  "COPY --from=work /result /",
];

it("boots the image, is configured by cloud-init, becomes ready, and a client outside builds in it", async () => {
  await using shelf = await withDisk();
  await using stage = await VmStage.boot({ disks: [shelf.disk], cacheVolume: perBoot() });
  const machine = await stage.ready();
  expect(machine.observed?.cacheVolume).toMatchObject({ encrypted: true, formatted: true, volumeId: "vol-1" });

  const { client, outputDir } = await stage.build(DOCKERFILE);
  await client.succeeds();
  expect(await readFile(join(outputDir, "result"), "utf8")).toBe("built\n");

  const { guest } = stage;
  expect(await guest.run("cryptsetup status builder-agent-cache")).toMatch(
    /is in use\.\s+type:\s+LUKS2\s+cipher:\s+aes-xts-plain64\s+keysize:\s+512 bits[\s\S]*flags:.*discards/,
  );
  expect(await guest.run("findmnt --noheadings --output SOURCE --target /var/lib/builder-agent/cache/buildkit")).toBe(
    "/dev/mapper/builder-agent-cache",
  );
  expect(await guest.run("systemctl list-units --failed --plain --no-legend")).toBe("");
});
