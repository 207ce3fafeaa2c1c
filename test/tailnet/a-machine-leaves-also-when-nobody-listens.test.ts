import { expect, it } from "vitest";
import { Secret } from "../../agent/core/secret.ts";
import { commandLines } from "./stage/command-lines.ts";
import { withTailnet } from "./stage/with-tailnet.ts";

const never = new AbortController().signal;
/** 5 s for the logout, and the daemon's own end. */
const BOUND_MS = 10_000;

const stage = withTailnet();

it("does not wait for a coordination server that is gone: it stops, forgets its keys, and the API removes the device", async () => {
  const { headscale, api, client } = stage.tailnet();
  await using builder = await stage.builder({ url: api.url });
  const { nodeId } = await builder.join({
    grantId: "g1",
    authKey: new Secret(await stage.tailnet().authKey()),
    coordinationUrl: headscale.url,
    hostname: "builder-m1",
    tags: ["tag:builder"],
  });
  await headscale.goDown();
  const begun = performance.now();
  expect(await builder.node.leave(never)).toEqual({ loggedOut: false, nodeId });
  expect(performance.now() - begun).toBeLessThan(BOUND_MS);
  expect(await commandLines(builder.dir)).toBe("");
  expect(await builder.files()).toEqual([]);

  await headscale.comeUp();
  expect((await headscale.nodes()).map(({ id }) => id)).toContain(nodeId);
  const { clientId, clientSecret } = client;
  const credential = { kind: "oauth-client", clientId, clientSecret: new Secret(clientSecret) } as const;
  expect(await builder.api().removeDevice({ credential, nodeId }, never)).toBe("removed");
  expect((await headscale.nodes()).map(({ id }) => id)).not.toContain(nodeId);
});

it.each([
  { what: "an auth key", credential: { kind: "auth-key", key: new Secret("k") } as const },
  { what: "no credential", credential: { kind: "none" } as const },
])("removes no device with $what", async ({ credential }) => {
  await using builder = await stage.builder();
  expect(await builder.api().removeDevice({ credential, nodeId: "1" }, never)).toBe("not-permitted");
});

it("says what a client lacks that may not remove devices", async () => {
  const { api } = stage.tailnet();
  await using builder = await stage.builder({ url: api.url });
  const { clientId, clientSecret } = api.clients.addClient({ scopes: ["auth_keys"], tags: ["tag:builder"] });
  const credential = { kind: "oauth-client", clientId, clientSecret: new Secret(clientSecret) } as const;
  await expect(builder.api().removeDevice({ credential, nodeId: "1" }, never)).rejects.toMatchObject({
    code: "tailnet.not-permitted",
    message: expect.stringMatching(/does not let this client remove devices.*Give it the scope devices:core/) as string,
  });
});
