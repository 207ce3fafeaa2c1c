import { chmod, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fly } from "../../sandbox/metadata/fly.ts";
import { MetadataServer } from "../../sandbox/metadata/metadata-server.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { rs256Signer } from "../evidence/stage/keys.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { Machine } from "./stage/machine.ts";
import { canBoot, needsMachine } from "./stage/whether.ts";

const CONTROL = "builder-agent-control.service";

needsMachine();

let machine: Machine;
beforeAll(async () => {
  if (canBoot()) machine = await Machine.up();
}, 120_000);
afterAll(() => machine?.[Symbol.asyncDispose]());

/** Starts control anew, without what it keeps of its identity, for this kind of evidence. */
async function restartFor(kind: string): Promise<void> {
  const file = join(machine.disk.root, "etc/builder-agent/config.toml");
  await writeFile(file, (await readFile(file, "utf8")).replace(/kind = "[a-z-]+"/, `kind = "${kind}"`));
  const { container } = machine;
  await container.run("systemctl", ["daemon-reload"]);
  await container.run("rm", ["-rf", "/run/builder-agent/control/identity"]);
  await container.run("systemctl", ["kill", "--signal=KILL", CONTROL]);
}

async function dropIn(name: string): Promise<void> {
  await cp(inTree(`systemd/evidence/${name}`), join(machine.disk.root, "etc/systemd/system"), { recursive: true });
}

/** What control last said of its registration, once it fits. */
function said(words: RegExp): Promise<string> {
  return eventually(String(words), async () => {
    const lines = (await machine.entries(CONTROL)).filter(({ event }) => event === "identity.registration-failed");
    const last = JSON.stringify(lines.at(-1)?.data ?? {});
    return words.test(last) ? last : undefined;
  });
}

it("a token socket, where the drop-in lets it", async () => {
  const dir = join(machine.disk.root, ".fly");
  await mkdir(dir);
  const replier = fly({
    org: "acme",
    app: "builders",
    appId: "4711",
    machineId: "e2865013f24908",
    signer: rs256Signer(),
  });
  await using socket = await MetadataServer.listen({ replier, socketPath: join(dir, "api") });
  await chmod(join(dir, "api"), 0o666);
  await restartFor("oidc-socket");
  await said(/is not there: there is no such socket/);
  expect(socket.requests()).toEqual([]);
  await dropIn("fly-socket");
  await restartFor("oidc-socket");
  // This control plane trusts no issuer: that it says so shows that the token came through.
  await said(/attestation\.oidc_token: issuer-unknown/);
  expect(socket.requests().length).toBeGreaterThan(0);
});

it("the TPM, where the drop-in lets it, and no other device of the machine", async () => {
  const tool = join(machine.disk.root, "usr/bin/nitro-tpm-attest");
  const script = `#!/bin/sh\nexec 3<>/dev/tpmrm0 || exit 9\n[ -e /dev/other ] && exit 8\nprintf '\\204\\104'\ncat "$4" "$2"\n`;
  await writeFile(tool, script);
  await chmod(tool, 0o755);
  const { container } = machine;
  await container.run("groupadd", ["--system", "--force", "tss"]);
  // A device with the number of /dev/null stands in: there is no TPM here.
  for (const device of ["/dev/tpmrm0", "/dev/other"])
    await container.run("mknod", ["--mode=0660", device, "c", "1", "3"]);
  await container.run("chgrp", ["tss", "/dev/tpmrm0"]);
  await restartFor("nitro-tpm");
  await said(/ended with (?:2|9): has this instance a NitroTPM/);
  await dropIn("nitro-tpm");
  await restartFor("nitro-tpm");
  await said(/attestation\.nitro_tpm: kind-not-accepted/);
});
