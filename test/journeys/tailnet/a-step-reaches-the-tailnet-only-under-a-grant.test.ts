import { describe, expect, it } from "vitest";
import { sharedTailnet } from "./stage/shared-tailnet.ts";
import { PUBLIC_ADDRESS } from "./stage/world.ts";

const tailnet = sharedTailnet();

const PRIVATE = "This page is private.";
const BEHIND_ROUTE = "This page lies behind a subnet route.";
const UNREACHED = /can't connect|bad address/;

/** Where the customer's pages are, as a step may call them. */
function targets() {
  const { peer } = tailnet().site.tailnet;
  const behindRoute = new URL(tailnet().site.privateUrl).hostname;
  return [
    ...peer.addresses.map((address) => ({ target: address, page: PRIVATE })),
    { target: peer.name, page: PRIVATE },
    { target: peer.name.split(".")[0] ?? "", page: PRIVATE },
    { target: behindRoute, page: BEHIND_ROUTE },
  ];
}

/** What a step gets at each: one build, one step. */
async function tried(): Promise<Readonly<Record<string, string>>> {
  const entries: [string, string][] = [];
  for (const { target } of targets()) entries.push([target, await tailnet().page(target)]);
  return Object.fromEntries(entries);
}

/** A name of the internet, as a step finds it. */
async function publicName(): Promise<string> {
  const { said } = await tailnet().step("/bin/busybox nslookup -type=a registry.example.com");
  return said;
}

/** Of the 2 s that are promised on a machine at rest. */
const GENEROUS_MS = 10_000;

describe("a RUN step", () => {
  it("reaches no peer by address or name and no subnet route without a grant; it has the internet's names", async () => {
    for (const got of Object.values(await tried())) expect(got).toMatch(UNREACHED);
    expect(await publicName()).toContain(PUBLIC_ADDRESS);
    expect(await tailnet().builders()).toEqual([]);
    expect(await tailnet().isOpen()).toBe(false);
  });

  it("reaches them all under a grant, by an ephemeral node with its tag, and still has the internet's names", async () => {
    const joined = await tailnet().grant();
    expect(await tailnet().builders()).toMatchObject([{ id: joined.nodeId, ephemeral: true, tags: ["tag:builder"] }]);
    expect(await tried()).toEqual(Object.fromEntries(targets().map(({ target, page }) => [target, page])));
    expect(await publicName()).toContain(PUBLIC_ADDRESS);
  });

  it("is cut off in the middle when the grant is withdrawn; the node is gone, and names work as before", async () => {
    const [address = ""] = tailnet().site.tailnet.peer.addresses;
    const script = `until ! printf 'GET / HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 5 ${address} 80; do /bin/busybox sleep 0.1; done; echo cut off`;
    await using running = await tailnet().begin(script);
    await running.says(PRIVATE);
    const tookMs = await tailnet().withdraw();
    expect((await running.succeeds()).said).toContain("cut off");
    process.stderr.write(`left in ${Math.round(tookMs)} ms\n`);
    expect(tookMs).toBeLessThan(GENEROUS_MS);
    for (const got of Object.values(await tried())) expect(got).toMatch(UNREACHED);
    expect(await publicName()).toContain(PUBLIC_ADDRESS);
    expect(await tailnet().isOpen()).toBe(false);
  });

  it("reaches the peer and no subnet route where routes are not accepted", async () => {
    await tailnet().grant({ grantId: "grant-2", acceptRoutes: false });
    expect(await tailnet().page(tailnet().site.tailnet.peer.name)).toBe(PRIVATE);
    expect(await tailnet().page(new URL(tailnet().site.privateUrl).hostname)).toMatch(UNREACHED);
    await tailnet().withdraw();
  });
});
