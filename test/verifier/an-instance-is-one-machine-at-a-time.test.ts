import { expect, it } from "vitest";
import { Instances, MemoryLeases, type Refusal, type Registration } from "../../verifier/src/index.ts";
import { NOW_MS } from "./authorities/clock.ts";

const INSTANCE = "aws/123456789012/i-0123456789abcdef0";
const [KEY, OTHER_KEY] = ["aa".repeat(32), "bb".repeat(32)] as const;
const LEASE_MS = 60_000;

function registry() {
  const clock = { nowMs: NOW_MS };
  const instances = new Instances({ store: new MemoryLeases(), now: () => clock.nowMs, leaseMs: LEASE_MS });
  const register = (keySha256: string) => instances.register({ instance: INSTANCE, keySha256 });
  return { clock, instances, register };
}

function registered(verdict: Registration | Refusal): Registration {
  if (verdict.verdict === "refused") throw new Error(`refused: ${verdict.code}`);
  return verdict;
}

it("gives the same machine back to the same key, and counts no new generation", async () => {
  const { clock, register } = registry();
  const first = registered(await register(KEY));
  expect(first).toMatchObject({ isNew: true, lease: { generation: 1 } });
  clock.nowMs += 1_000;
  const again = registered(await register(KEY));
  expect(again).toMatchObject({ isNew: false, lease: { generation: 1, machineId: first.lease.machineId } });
  expect(again.lease.expiresAtMs).toBe(clock.nowMs + LEASE_MS);
});

it("refuses a clone for as long as the machine lives, and names both keys to the audit", async () => {
  const { clock, register } = registry();
  await register(KEY);
  clock.nowMs += LEASE_MS - 1;
  const refused = await register(OTHER_KEY);
  expect(refused).toMatchObject({ code: "instance-already-registered", retryable: false });
  for (const part of [INSTANCE, KEY, OTHER_KEY])
    expect(refused).toHaveProperty("reason", expect.stringContaining(part));
  expect(registered(await register(KEY)).isNew).toBe(false);
});

it("begins a new generation once the lease has run out", async () => {
  const { clock, register } = registry();
  const first = registered(await register(KEY));
  clock.nowMs += LEASE_MS;
  const next = registered(await register(OTHER_KEY));
  expect(next).toMatchObject({ isNew: true, lease: { generation: 2 } });
  expect(next.lease.machineId).not.toBe(first.lease.machineId);
  expect(await register(KEY)).toMatchObject({ code: "instance-already-registered" });
});

it("begins a new generation once an operator has released the machine", async () => {
  const { instances, register } = registry();
  const { lease } = registered(await register(KEY));
  await instances.release(INSTANCE, "another machine");
  expect(await register(OTHER_KEY)).toMatchObject({ code: "instance-already-registered" });
  await instances.release(INSTANCE, lease.machineId);
  expect(registered(await register(OTHER_KEY)).lease.generation).toBe(2);
});

it("lets one of fifty clones in that come together", async () => {
  const { instances } = registry();
  const keys = Array.from({ length: 50 }, (_, index) => index.toString(16).padStart(64, "0"));
  const verdicts = await Promise.all(keys.map((keySha256) => instances.register({ instance: INSTANCE, keySha256 })));
  expect(verdicts.filter(({ verdict }) => verdict === "registered")).toHaveLength(1);
});
