import { randomUUID } from "node:crypto";
import { statfsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { identityStore } from "../../agent/adapters/keys/identity-store.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import type { StoredIdentity } from "../../agent/ports/keys.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { CollectedLog } from "./collected-log.ts";

const BOOT = "11111111-2222-3333-4444-555555555555";
const disk = ["/var/tmp", import.meta.dirname].find((path) => statfsSync(path).type !== 0x01021994);
let kept: StoredIdentity;
let root: string;
let log: CollectedLog;

beforeAll(async () => {
  const authority = await CertificateAuthority.create({ name: "machines" });
  const key = await keyMaker().make();
  const { der } = await key.request("builder-machine");
  const notBefore = new Date("2031-02-03T04:05:06Z");
  const notAfter = new Date("2031-02-03T05:05:06Z");
  const { chainPem } = await authority.certify({ csrDer: der }, { notBefore, notAfter });
  kept = {
    identity: { machineId: "m-1", key, chainPem, notBeforeMs: notBefore.getTime(), notAfterMs: notAfter.getTime() },
    trust: { trustDomain: "builds.example", buildCas: [authority.certPem] },
    renewedMonoMs: 1_234.567,
  };
});

beforeEach(async () => {
  root = await mkdtemp("/dev/shm/identity-");
  log = new CollectedLog();
});
afterEach(() => rm(root, { recursive: true, force: true }));

function store(directory = join(root, "identity")) {
  return identityStore({ directory, log });
}

describe("the identity's store", () => {
  it("gives back within one boot what was kept, and the key still signs", async () => {
    await store().save(BOOT, kept);
    const loaded = await store().load(BOOT);
    expect(loaded?.trust).toEqual(kept.trust);
    expect(loaded?.renewedMonoMs).toBe(kept.renewedMonoMs);
    const { key, ...rest } = loaded!.identity;
    const { key: original, ...restOfOriginal } = kept.identity;
    expect(rest).toEqual(restOfOriginal);
    expect(key.pem.reveal()).toBe(original.pem.reveal());
    expect((await key.request("again")).spkiSha256).toBe(original.spkiSha256);
    expect(log.lines).toEqual([]);
  });

  it("lets nobody else read it, even where the directory was open before", async () => {
    const directory = join(root, "identity");
    await store().save(BOOT, kept);
    await chmod(directory, 0o755);
    await store().save(BOOT, kept);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, "identity.json"))).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(["identity.json"]);
  });

  it("replaces the former identity whole", async () => {
    await store().save(BOOT, kept);
    await store().save(BOOT, { ...kept, identity: { ...kept.identity, machineId: "m-2" } });
    expect((await store().load(BOOT))?.identity.machineId).toBe("m-2");
  });

  it("has nothing at first, and nothing once it has forgotten", async () => {
    expect(await store().load(BOOT)).toBeUndefined();
    await store().save(BOOT, kept);
    await store().forget();
    await store().forget();
    expect(await store().load(BOOT)).toBeUndefined();
    expect(log.lines).toEqual([]);
  });

  it("does not give one boot the identity of another, and removes it", async () => {
    await store().save(BOOT, kept);
    expect(await store().load(randomUUID())).toBeUndefined();
    expect(await store().load(BOOT)).toBeUndefined();
    expect(log.events()).toEqual(["identity.of-another-boot"]);
  });

  it.each([
    ["cut off", (text: string) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["not an object", () => "[]"],
    ["of a later version", (text: string) => text.replace('"version":1', '"version":2')],
    ["without a key", (text: string) => text.replace("keyPem", "keyPen")],
    ["with a broken key", (text: string) => text.replace("BEGIN PRIVATE KEY-----\\nMI", "BEGIN PRIVATE KEY-----\\nMA")],
    [
      "with a chain that is not for its key",
      (text: string) => JSON.stringify({ ...JSON.parse(text), chainPem: kept.trust.buildCas[0] }),
    ],
  ])("ignores and removes a file that is %s, and tells so without quoting it", async (_name, damage) => {
    const file = join(root, "identity", "identity.json");
    await store().save(BOOT, kept);
    const text = await readFile(file, "utf8");
    await writeFile(file, damage(text));
    expect(await store().load(BOOT)).toBeUndefined();
    expect(log.events()).toEqual(["identity.file-damaged"]);
    expect(await readdir(join(root, "identity"))).toEqual([]);
    expect(inspect(log.lines, { depth: 9 })).not.toContain("PRIVATE KEY");
  });

  it("keeps nothing on a disk, says so once, and harms nobody", async ({ skip }) => {
    const place = disk ?? skip("every directory that may be written lies on tmpfs");
    const onDisk = await mkdtemp(join(place, "identity-on-disk-"));
    try {
      const directory = join(onDisk, "identity");
      const diskStore = store(directory);
      await diskStore.save(BOOT, kept);
      await diskStore.save(BOOT, kept);
      expect(await diskStore.load(BOOT)).toBeUndefined();
      expect(await readdir(directory)).toEqual([]);
      expect(log.events()).toEqual(["identity.not-kept"]);
    } finally {
      await rm(onDisk, { recursive: true });
    }
  });

  it("keeps nothing where its directory cannot be made, and says so", async () => {
    await writeFile(join(root, "identity"), "a file in the way");
    await store().save(BOOT, kept);
    expect(await store().load(BOOT)).toBeUndefined();
    expect(new Set(log.events())).toEqual(new Set(["identity.not-kept"]));
  });
});
