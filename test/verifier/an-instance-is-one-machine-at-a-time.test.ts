import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type AlreadyRegistered,
  FolderLeases,
  Instances,
  type LeaseStore,
  MemoryLeases,
  type Registration,
} from "../../verifier/src/index.ts";
import { NOW_MS } from "./authorities/clock.ts";

const INSTANCE = "aws/123456789012/i-0123456789abcdef0";
const [KEY, OTHER_KEY, THIRD_KEY] = ["aa".repeat(32), "bb".repeat(32), "cc".repeat(32)] as const;
const LEASE_MS = 60_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "leases-"));
});
afterEach(() => rm(folder, { recursive: true }));

function registry(store: LeaseStore) {
  const clock = { nowMs: NOW_MS };
  const instances = new Instances({ store, now: () => clock.nowMs, leaseMs: LEASE_MS });
  const register = (keySha256: string) => instances.register({ instance: INSTANCE, keySha256 });
  return { clock, instances, register };
}

function registered(verdict: Registration | AlreadyRegistered): Registration {
  if (verdict.verdict === "refused") throw new Error(`refused: ${verdict.code}`);
  return verdict;
}

const keys = Array.from({ length: 50 }, (_, index) => index.toString(16).padStart(64, "0"));

describe.each<{ name: string; open: () => Promise<LeaseStore> }>([
  { name: "in memory", open: () => Promise.resolve(new MemoryLeases()) },
  { name: "in a folder", open: () => FolderLeases.open(join(folder, "leases")) },
])("$name", ({ open }) => {
  it("gives the same machine back to the same key, and counts no new generation", async () => {
    const { clock, register } = registry(await open());
    const first = registered(await register(KEY));
    expect(first).toMatchObject({ isNew: true, lease: { generation: 1 } });
    clock.nowMs += 1_000;
    const again = registered(await register(KEY));
    expect(again).toMatchObject({ isNew: false, lease: { generation: 1, machineId: first.lease.machineId } });
    expect(again.lease.expiresAtMs).toBe(clock.nowMs + LEASE_MS);
  });

  it("gives it back also after its lease has run out, while nobody else has come", async () => {
    const { clock, register } = registry(await open());
    const first = registered(await register(KEY));
    clock.nowMs += 10 * LEASE_MS;
    expect(registered(await register(KEY))).toMatchObject({
      isNew: false,
      lease: { machineId: first.lease.machineId, generation: 1 },
    });
    expect(await register(OTHER_KEY)).toMatchObject({ code: "instance-already-registered" });
  });

  it("refuses a clone for as long as the machine lives, says until when, and names both keys to the audit", async () => {
    const { clock, register } = registry(await open());
    const { lease } = registered(await register(KEY));
    clock.nowMs += LEASE_MS - 1;
    const refused = await register(OTHER_KEY);
    expect(refused).toMatchObject({ code: "instance-already-registered", retryable: false, lease });
    for (const part of [INSTANCE, KEY, OTHER_KEY])
      expect(refused).toHaveProperty("reason", expect.stringContaining(part));
    expect(registered(await register(KEY)).isNew).toBe(false);
  });

  it("begins a new generation, as another machine, once the lease has run out", async () => {
    const { clock, register } = registry(await open());
    const first = registered(await register(KEY));
    clock.nowMs += LEASE_MS;
    const next = registered(await register(OTHER_KEY));
    expect(next).toMatchObject({ isNew: true, lease: { generation: 2 } });
    expect(next.lease.machineId).not.toBe(first.lease.machineId);
    expect(await register(KEY)).toMatchObject({ code: "instance-already-registered" });
  });

  it("begins a new generation once an operator has released the machine", async () => {
    const { instances, register } = registry(await open());
    const { lease } = registered(await register(KEY));
    await instances.release(INSTANCE, "another-machine");
    expect(await register(OTHER_KEY)).toMatchObject({ code: "instance-already-registered" });
    await instances.release(INSTANCE, lease.machineId);
    expect(registered(await register(OTHER_KEY)).lease.generation).toBe(2);
  });

  it("knows a machine by its fresh key, and by the one before if the answer was lost", async () => {
    const { instances, register } = registry(await open());
    const { machineId } = registered(await register(KEY)).lease;
    expect(await instances.rekey(INSTANCE, { by: KEY, fresh: OTHER_KEY })).toMatchObject({ machineId });
    expect(registered(await register(OTHER_KEY)).lease.machineId).toBe(machineId);
    expect(registered(await register(KEY)).lease.machineId).toBe(machineId);
    // The answer was lost: it asks again by the key that it has.
    expect(await instances.rekey(INSTANCE, { by: KEY, fresh: THIRD_KEY })).toMatchObject({ machineId });
    expect(await register(OTHER_KEY)).toMatchObject({ code: "instance-already-registered" });
    expect(await instances.rekey(INSTANCE, { by: THIRD_KEY, fresh: OTHER_KEY })).toMatchObject({ machineId });
    expect(await register(KEY)).toMatchObject({ code: "instance-already-registered" });
  });

  it("lets no machine of an earlier generation have a fresh key", async () => {
    const { clock, instances, register } = registry(await open());
    await register(KEY);
    clock.nowMs += LEASE_MS;
    await register(OTHER_KEY);
    expect(await instances.rekey(INSTANCE, { by: KEY, fresh: THIRD_KEY })).toBeUndefined();
    expect(await instances.rekey("aws/123456789012/i-unknown", { by: KEY, fresh: THIRD_KEY })).toBeUndefined();
    expect(await register(THIRD_KEY)).toMatchObject({ code: "instance-already-registered" });
  });

  it("lets one of fifty clones in that come together", async () => {
    const { clock, instances } = registry(await open());
    const race = async () => {
      const claims = keys.map((keySha256) => instances.register({ instance: INSTANCE, keySha256 }));
      return (await Promise.all(claims)).filter(({ verdict }) => verdict === "registered");
    };
    expect(await race()).toHaveLength(1);
    clock.nowMs += LEASE_MS;
    // The holder's key comes again, too: either it or one other.
    expect(await race()).toHaveLength(1);
  });
});

it("keeps a lease over a restart, and for every process that shares the folder", async () => {
  const open = () => FolderLeases.open(join(folder, "leases"));
  const first = registered(await registry(await open()).register(KEY));
  const [after, beside] = [registry(await open()), registry(await open())];
  expect(await after.register(OTHER_KEY)).toMatchObject({ code: "instance-already-registered", lease: first.lease });
  expect(registered(await beside.register(KEY)).lease.machineId).toBe(first.lease.machineId);

  await after.instances.release(INSTANCE, first.lease.machineId);
  const claims = keys.map((key, index) => (index % 2 === 0 ? after : beside).register(key));
  const winners = (await Promise.all(claims)).filter(({ verdict }) => verdict === "registered");
  expect(winners).toMatchObject([{ isNew: true, lease: { generation: 2 } }]);
});

it("lets nobody in where a lease is damaged, and says what to take away", async () => {
  const { register } = registry(await FolderLeases.open(folder));
  await register(KEY);
  const [name = ""] = await readdir(folder);
  await writeFile(join(folder, name, "scribble"), "");
  await expect(register(KEY)).rejects.toThrow(`${join(folder, name)} does not hold one lease`);
  await rm(join(folder, name), { recursive: true });
  await mkdir(join(folder, name));
  await expect(register(KEY)).rejects.toThrow("does not hold one lease");
});

it("leaves nothing behind but a folder an instance, with one name in it", async () => {
  const store = await FolderLeases.open(folder);
  const { instances, register } = registry(store);
  await Promise.all(keys.map(register));
  await instances.register({ instance: "gcp/project/zone/7", keySha256: KEY });
  const names = await readdir(folder, { recursive: true });
  expect(names.map((name) => name.replaceAll(/[0-9a-f]{64}/g, "-"))).toHaveLength(4);
  expect(names.filter((name) => name.includes("/"))).toHaveLength(2);
});
