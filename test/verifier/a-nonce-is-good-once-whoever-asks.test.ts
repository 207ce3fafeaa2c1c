import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  FolderNonces,
  FolderSpentTokens,
  MemoryNonces,
  MemorySpentTokens,
  type Nonces,
  type SpentTokens,
} from "../../verifier/src/index.ts";
import { NOW_MS } from "./authorities/clock.ts";
import { accept, platforms } from "./platforms.ts";
import { HOLDER, outcome, Scene } from "./scene.ts";

let folder: string;
let nowMs = NOW_MS;
const now = () => nowMs;

beforeEach(async () => {
  nowMs = NOW_MS;
  folder = await mkdtemp(join(tmpdir(), "verifier-"));
});
afterEach(() => rm(folder, { recursive: true }));

const stores: readonly { name: string; nonces: () => Promise<Nonces>; spent: () => Promise<SpentTokens> }[] = [
  {
    name: "in memory",
    nonces: () => Promise.resolve(new MemoryNonces({ now })),
    spent: () => Promise.resolve(new MemorySpentTokens({ now })),
  },
  {
    name: "in a folder",
    nonces: () => FolderNonces.open(join(folder, "nonces"), { now }),
    spent: () => FolderSpentTokens.open(join(folder, "spent"), { now }),
  },
];

describe.each(stores)("$name", ({ nonces, spent }) => {
  it("gives a nonce to one of fifty who bring it together", async () => {
    const store = await nonces();
    const { nonce, expiresAtMs } = await store.give(HOLDER);
    expect({ bytes: nonce.length, expiresAtMs }).toEqual({ bytes: 32, expiresAtMs: NOW_MS + 120_000 });
    const fates = await Promise.all(Array.from({ length: 50 }, () => store.consume(nonce, HOLDER)));
    expect(fates.toSorted()).toEqual(["consumed", ...Array.from({ length: 49 }, () => "used")]);
  });

  it("tells a nonce that nobody gave, one that is too old, and one of somebody else", async () => {
    const store = await nonces();
    const [old, foreign] = [await store.give(HOLDER), await store.give(HOLDER)];
    expect(await store.consume(new Uint8Array(32), HOLDER)).toBe("unknown");
    expect(await store.consume(foreign.nonce, { connection: "other" })).toBe("foreign");
    expect(await store.consume(foreign.nonce, HOLDER)).toBe("used");
    nowMs += 120_000;
    expect(await store.consume(old.nonce, HOLDER)).toBe("expired");
  });

  it("forgets in time what nobody can use any longer", async () => {
    const store = await nonces();
    const [used, unused] = [await store.give(HOLDER), await store.give(HOLDER)];
    await store.consume(used.nonce, HOLDER);
    nowMs += 241_000;
    await store.give(HOLDER);
    expect(await store.consume(used.nonce, HOLDER)).toBe("unknown");
    expect(await store.consume(unused.nonce, HOLDER)).toBe("unknown");
  });

  it("lets a token be spent by one of fifty, until it would have expired", async () => {
    const store = await spent();
    const spend = () => store.spend("ab".repeat(32), NOW_MS + 60_000);
    const firsts = await Promise.all(Array.from({ length: 50 }, spend));
    expect(firsts.filter(Boolean)).toHaveLength(1);
    nowMs += 60_000;
    expect(await spend()).toBe(false);
    nowMs += 60_001;
    expect(await spend()).toBe(true);
  });
});

it("keeps what was used over a restart, and for every process that shares the folder", async () => {
  const open = () => FolderNonces.open(join(folder, "nonces"), { now });
  const before = await open();
  const [used, waiting] = [await before.give(HOLDER), await before.give(HOLDER)];
  expect(await before.consume(used.nonce, HOLDER)).toBe("consumed");
  const [after, beside] = [await open(), await open()];
  expect(await after.consume(used.nonce, HOLDER)).toBe("used");
  const fates = await Promise.all(
    Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? after : beside).consume(waiting.nonce, HOLDER)),
  );
  expect(fates.filter((fate) => fate === "consumed")).toHaveLength(1);
});

it("leaves nothing behind but the entries", async () => {
  const [nonces, spent] = [await FolderNonces.open(folder, { now }), await FolderSpentTokens.open(folder, { now })];
  const { nonce } = await nonces.give(HOLDER);
  await nonces.consume(nonce, HOLDER);
  await Promise.all([spent.spend("ab".repeat(32), nowMs), spent.spend("ab".repeat(32), nowMs)]);
  const names = await readdir(folder, { recursive: true });
  expect(names.map((name) => name.replace(/[0-9a-f]{64}/, "entry")).toSorted()).toEqual([
    "entry",
    "given",
    "used",
    "used/entry",
  ]);
});

it("writes down no nonce", async () => {
  const store = await FolderNonces.open(folder, { now });
  const { nonce } = await store.give(HOLDER);
  const names = await readdir(join(folder, "given"));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, "given", name), "utf8")));
  const all = [...names, ...texts].join("\n");
  for (const form of ["hex", "base64", "base64url"] as const)
    expect(all).not.toContain(Buffer.from(nonce).toString(form));
});

it.each(platforms)(
  "takes evidence of $name once, also after the control plane was started anew",
  async ({ attest }) => {
    const scene = async () =>
      new Scene(accept, {
        nonces: await FolderNonces.open(join(folder, "nonces"), { now }),
        spent: await FolderSpentTokens.open(join(folder, "spent"), { now }),
      });
    const [before, after] = [await scene(), await scene()];
    const machine = await before.challenge();
    const evidence = await attest(machine);
    const together = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? before : after).verify(evidence, machine)),
    );
    expect(together.map(outcome).filter((one) => one === "verified")).toHaveLength(1);
    expect(outcome(await (await scene()).verify(evidence, machine))).toBe("nonce-used");
  },
);
