import { expect, it } from "vitest";
import { DAY_MS, NOW_MS } from "./authorities/clock.ts";
import { accept, platforms } from "./platforms.ts";
import { anotherKey, HOLDER, outcome, Scene, sha256 } from "./scene.ts";

const bound = platforms.filter(({ isBound }) => isBound !== "not");

it.each(platforms)("takes what a machine of $name sends, and names the machine", async ({ attest, instance }) => {
  const scene = new Scene(accept);
  const machine = await scene.challenge();
  const verdict = await scene.verify(await attest(machine), machine);
  expect(verdict).toMatchObject({ verdict: "verified", keySha256: sha256(machine.spki).toString("hex") });
  expect(verdict).toHaveProperty("instance", instance);
});

it.each(platforms)("takes evidence of $name once, of fifty who send it together", async ({ attest }) => {
  const scene = new Scene(accept);
  const machine = await scene.challenge();
  const evidence = await attest(machine);
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => scene.verify(evidence, machine)));
  expect(verdicts.map(outcome).toSorted()).toEqual([...Array.from({ length: 49 }, () => "nonce-used"), "verified"]);
});

it.each(bound)("refuses evidence of $name for an earlier challenge", async ({ attest, isBound }) => {
  const scene = new Scene(accept);
  const [earlier, machine] = [await scene.challenge(), await scene.challenge()];
  const verdict = await scene.verify(await attest(earlier), machine);
  expect(outcome(verdict)).toBe(isBound === "in one" ? "binding-mismatch" : "nonce-mismatch");
});

it.each(bound)("refuses evidence of $name for somebody else's key", async ({ attest, isBound }) => {
  const scene = new Scene(accept);
  const machine = await scene.challenge();
  const verdict = await scene.verify(await attest(machine), { ...machine, ...(await anotherKey()) });
  expect(outcome(verdict)).toBe(isBound === "in one" ? "binding-mismatch" : "key-mismatch");
});

it.each(platforms)("refuses evidence of $name with a challenge of another connection", async ({ attest }) => {
  const scene = new Scene(accept);
  for (const holder of [
    { ...HOLDER, connection: "other" },
    { ...HOLDER, peer: "192.0.2.8" },
  ]) {
    const machine = await scene.challenge();
    const verdict = await scene.verify(await attest(machine), machine, { holder });
    expect(outcome(verdict)).toBe("nonce-foreign");
  }
});

it.each(platforms)(
  "refuses evidence of $name with a nonce that nobody gave, or that is too old",
  async ({ attest }) => {
    const scene = new Scene(accept);
    const machine = await scene.challenge();
    const made = { ...machine, nonce: new Uint8Array(32) };
    expect(outcome(await scene.verify(await attest(made), made))).toBe("nonce-unknown");
    scene.nowMs += 120_000;
    expect(outcome(await scene.verify(await attest(machine, scene.nowMs), machine))).toBe("nonce-expired");
  },
);

it.each(platforms)("refuses evidence of $name from a day ago, and from tomorrow", async ({ attest }) => {
  const scene = new Scene(accept);
  expect(outcome(await scene.register((machine) => attest(machine, NOW_MS - DAY_MS)))).toBe("expired");
  expect(outcome(await scene.register((machine) => attest(machine, NOW_MS + DAY_MS)))).toBe("not-yet-valid");
});

it.each(platforms)("refuses evidence of $name where that is not configured", async ({ attest }) => {
  const scene = new Scene({});
  expect(outcome(await scene.register(attest))).toBe("kind-not-accepted");
});

it.each(platforms)("refuses a request that its key has not signed, whatever $name says", async ({ attest }) => {
  const scene = new Scene(accept);
  const machine = await scene.challenge();
  const csr = Uint8Array.from(machine.csr);
  csr[csr.length - 1] = (csr.at(-1) ?? 0) ^ 1;
  expect(outcome(await scene.verify(await attest(machine), { ...machine, csr }))).toBe("key-not-proved");
});

it("asks no platform, and spends no nonce, for evidence that cannot be good", async () => {
  const scene = new Scene(accept);
  const machine = await scene.challenge();
  const jwt = "x".repeat(20_000);
  expect(outcome(await scene.verify({ kind: "gcp", jwt }, machine))).toBe("oversized");
  expect(outcome(await scene.verify({ kind: "magic" } as never, machine))).toBe("kind-unknown");
  expect(outcome(await scene.verify({ kind: "constructor" } as never, machine))).toBe("kind-unknown");
  expect(outcome(await scene.verify({ kind: "gcp", jwt: 7 } as never, machine))).toBe("malformed");
  expect(outcome(await scene.verify({ kind: "gcp", jwt: "a.b" }, machine))).toBe("malformed");
  expect(outcome(await scene.verify({ kind: "gcp", jwt: "a.b" }, machine))).toBe("nonce-used");
  expect(scene.sts.asked).toEqual([]);
});
