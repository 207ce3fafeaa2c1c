import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Secret } from "../../agent/core/secret.ts";
import type { TailnetMembership } from "../../agent/core/tailnet/wish.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import type { Builder } from "./stage/builder.ts";
import { commandLines } from "./stage/command-lines.ts";
import { withTailnet } from "./stage/with-tailnet.ts";

const never = new AbortController().signal;
const stage = withTailnet({ routes: ["10.77.0.0/24"] });

it.each([
  {
    what: "its daemon was killed",
    kill: async (builder: Builder, watched: Promise<unknown>) => {
      builder.killDaemon();
      expect(await watched).toMatchObject({
        code: "tailnet.daemon-failed",
        retryable: true,
        message: "tailscaled ended (signal)",
      });
    },
  },
  {
    what: "control was killed",
    kill: async (builder: Builder) => builder.forgetControl(),
  },
  {
    what: "everything was killed",
    kill: async (builder: Builder) => builder.killAll(),
  },
])("goes on as the same node after $what, and leaves in the end", async ({ kill }) => {
  const { headscale } = stage.tailnet();
  await using builder = await stage.builder();
  const before = (await headscale.nodes()).map(({ id }) => id);
  const joined = await joinAs(builder);
  const stop = new AbortController();
  const watched = watchTillItEnds(builder, stop.signal);
  await eventually(() => builder.seen.length > 0, "it watches");
  expect(builder.seen[0]).toEqual(sameNode(joined));
  await kill(builder, watched);
  const recalled = await builder.node.recall(never);
  expect(recalled).toEqual(sameNode(joined));
  expect((await headscale.nodes()).map(({ id }) => id)).toEqual([...before, joined.nodeId]);
  stop.abort();
  expect(await builder.node.leave(never)).toEqual({ loggedOut: true, nodeId: joined.nodeId });
  expect((await headscale.nodes()).map(({ id }) => id)).toEqual(before);
  expect(await builder.files()).toEqual([]);
  expect(await builder.node.recall(never)).toBeUndefined();
});

it("says good-bye for a daemon that was killed, though nobody wants it back", async () => {
  const { headscale } = stage.tailnet();
  await using builder = await stage.builder();
  const before = (await headscale.nodes()).map(({ id }) => id);
  const { nodeId } = await joinAs(builder);
  await builder.killAll();
  expect(await builder.node.leave(never)).toEqual({ loggedOut: true, nodeId });
  expect((await headscale.nodes()).map(({ id }) => id)).toEqual(before);
  expect(await commandLines(builder.dir)).toBe("");
});

it("tells when the tailnet does not want it any more, and is then nobody who could come back", async () => {
  const { headscale, api, client } = stage.tailnet();
  await using builder = await stage.builder({ url: api.url });
  const { nodeId } = await joinAs(builder);
  const stop = new AbortController();
  const watched = watchTillItEnds(builder, stop.signal);
  await eventually(() => builder.seen.length > 0, "it watches");
  await headscale.expireNode(nodeId);
  expect(await watched).toMatchObject({ code: "tailnet.logged-out", retryable: true });
  expect(await builder.node.recall(never)).toBeUndefined();
  expect(await builder.node.leave(never)).toMatchObject({ nodeId });
  expect(await builder.files()).toEqual([]);
  const credential = {
    kind: "oauth-client",
    clientId: client.clientId,
    clientSecret: new Secret(client.clientSecret),
  } as const;
  expect(await builder.api().removeDevice({ credential, nodeId }, never)).toBe("removed");
  expect(await builder.api().removeDevice({ credential, nodeId }, never)).toBe("not-listed");
});

it("tells of a subnet route, takes it when it is told to, and still has it after its daemon was killed", async () => {
  await using builder = await stage.builder();
  const joined = await joinAs(builder);
  const stop = new AbortController();
  const watched = watchTillItEnds(builder, stop.signal);
  await eventually(() => builder.seen.at(-1)?.offeredRoutes.includes("10.77.0.0/24") === true, "the route is told");
  expect(builder.seen.at(-1)?.acceptsRoutes).toBe(false);
  await builder.node.acceptRoutes(true, never);
  await eventually(() => builder.seen.at(-1)?.acceptsRoutes === true, "it is told that the route is taken");
  stop.abort();
  expect(await watched).toBeUndefined();
  await builder.killAll();
  expect(await builder.node.recall(never)).toEqual({ ...sameNode(joined), acceptsRoutes: true });
  await builder.node.acceptRoutes(false, never);
  expect(await builder.localApi("prefs")).toMatchObject({ RouteAll: false });
  await builder.node.leave(never);
});

it("recalls nothing where there was nothing, and leaving is harmless there", async () => {
  await using builder = await stage.builder();
  expect(await builder.node.recall(never)).toBeUndefined();
  expect(await builder.node.leave(never)).toEqual({ loggedOut: false });
  expect(builder.log.events()).toEqual([]);
});

it("joins anew over what an earlier grant left, as one node", async () => {
  const { headscale } = stage.tailnet();
  await using builder = await stage.builder();
  const before = (await headscale.nodes()).map(({ id }) => id);
  await joinAs(builder);
  await builder.killAll();
  const again = await joinAs(builder, "g2");
  expect(again.grantId).toBe("g2");
  expect((await headscale.nodes()).map(({ id }) => id)).toEqual([...before, again.nodeId]);
  await builder.node.leave(never);
});

it("comes back only once the coordination server is there: until then it says what it waits for", async () => {
  const { headscale } = stage.tailnet();
  await using builder = await stage.builder();
  const joined = await joinAs(builder);
  await builder.killAll();
  // With what it remembers of its peers it would go on even so.
  await rm(join(builder.dir, "state", "profile-data"), { recursive: true, force: true });
  await headscale.goDown();
  const patience = new AbortController();
  const recalling = builder.node.recall(patience.signal).catch((failure: unknown) => failure);
  await eventually(() => builder.log.events().includes("tailscaled.started"), "the daemon is started");
  setTimeout(() => patience.abort(), 1_000);
  expect(await recalling).toMatchObject({
    code: "tailnet.coordination-unreachable",
    retryable: true,
    message: `The coordination server ${headscale.url} does not answer: connection refused`,
  });
  await headscale.comeUp();
  expect(await builder.node.recall(never)).toEqual(sameNode(joined));
  await builder.node.leave(never);
});

async function joinAs(builder: Builder, grantId = "g1"): Promise<TailnetMembership> {
  const tailnet = stage.tailnet();
  const authKey = new Secret(await tailnet.authKey());
  const { url: coordinationUrl } = tailnet.headscale;
  return builder.join({ grantId, authKey, coordinationUrl, hostname: "builder-m1", tags: ["tag:builder"] });
}

/** Its router may come back later than it: then the watch tells. */
function sameNode(joined: TailnetMembership) {
  return { ...joined, offeredRoutes: expect.any(Array) as unknown };
}

/** Resolves to why it is over; undefined if only `signal` was. */
async function watchTillItEnds(builder: Builder, signal: AbortSignal): Promise<unknown> {
  try {
    for await (const membership of builder.node.watch(signal)) builder.seen.push(membership);
    return undefined;
  } catch (failure) {
    return failure;
  }
}
