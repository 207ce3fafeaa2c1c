import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../setup/child.mjs";

const DEADLINE_MS = 60_000;

/**
 * Makes the disk from which cloud-init's NoCloud source configures a guest at its first boot.
 * @param {object} of
 * @param {string} of.target The ISO file; replaced.
 * @param {Readonly<Record<string, unknown>>} of.userData A #cloud-config
 *   (https://docs.cloud-init.io/en/22.4.2/topics/modules.html).
 * @param {string} [of.instanceId] Another one makes cloud-init configure the guest anew.
 */
export async function makeSeed({ target, userData, instanceId = "builder" }) {
  const folder = mkdtempSync(join(tmpdir(), "builder-seed-"));
  try {
    // JSON is YAML.
    writeFileSync(join(folder, "user-data"), `#cloud-config\n${JSON.stringify(userData)}\n`, { mode: 0o600 });
    writeFileSync(
      join(folder, "meta-data"),
      `${JSON.stringify({ "instance-id": instanceId, "local-hostname": "builder" })}\n`,
    );
    rmSync(target, { force: true });
    await run({
      what: "genisoimage",
      command: "genisoimage",
      args: ["-quiet", "-output", target, "-volid", "cidata", "-joliet", "-rational-rock", folder],
      deadlineMs: DEADLINE_MS,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
