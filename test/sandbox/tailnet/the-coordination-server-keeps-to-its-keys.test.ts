import { afterAll, beforeAll, expect, it } from "vitest";
import type { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { Peer } from "../../../sandbox/tailnet/peer.ts";
import { SandboxTailnet } from "../../../sandbox/tailnet/tailnet.ts";
import { eventually } from "../real-sandbox.ts";
import { needsTailnet, tailnetDir, tailnetTools } from "./needs-tailnet.ts";

needsTailnet();

const ROUTES = ["10.99.0.0/24"];

let dir: TempDir;
let tailnet: SandboxTailnet;

beforeAll(async () => {
  dir = await tailnetDir();
  tailnet = await SandboxTailnet.start({ tools: tailnetTools(), dir: dir.path, routes: ROUTES });
});
afterAll(async () => {
  await tailnet[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

function join(name: string, authKey: string): Promise<Peer> {
  return Peer.join({ tools: tailnetTools(), dir: dir.path, name, loginUrl: tailnet.headscale.url, authKey });
}

it("lets one node in by a key, and no second", async () => {
  const authKey = await tailnet.authKey();
  await using first = await join("first", authKey);
  expect(first.addresses).toHaveLength(2);
  await expect(join("second", authKey)).rejects.toThrow("authkey already used");
  expect((await tailnet.headscale.nodes()).map(({ name }) => name)).not.toContain("second");
});

it("lets nobody in by a key that has expired", async () => {
  await expect(join("late", await tailnet.authKey({ lifetimeMs: 1 }))).rejects.toThrow("authkey expired");
});

it("lets nobody in by a key that it never gave", async () => {
  await expect(join("stranger", "0".repeat(48))).rejects.toThrow(/authkey|not found/i);
});

it("knows the same nodes and routes after it has crashed", async () => {
  const { headscale, router } = tailnet;
  const before = (await headscale.nodes()).map(({ id }) => id);
  await headscale.goDown();
  await expect(fetch(`${headscale.url}/health`)).rejects.toThrow("fetch failed");
  await expect((async () => headscale.nodes())()).rejects.toThrow("headscale is down");
  await headscale.comeUp();
  const after = await headscale.nodes();
  expect(after.map(({ id }) => id)).toEqual(before);
  expect(after.find(({ id }) => id === router?.nodeId)).toMatchObject({
    approvedRoutes: ROUTES,
    offeredRoutes: ROUTES,
  });
  await eventually("its nodes to find it again", async () =>
    (await headscale.nodes()).filter(({ ephemeral }) => !ephemeral).every(({ online }) => online) ? true : undefined,
  );
});

it("forgets a node that it is told to remove, and says whether there was one", async () => {
  await using node = await join("removed", await tailnet.authKey());
  expect(await tailnet.headscale.removeNode(node.nodeId)).toBe(true);
  expect(await tailnet.headscale.removeNode(node.nodeId)).toBe(false);
});
