import { expect, it } from "vitest";
import { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { connect } from "../../../sandbox/net/veth.ts";
import { NamespacedTailnet } from "../../../sandbox/tailnet/in-namespaces.ts";
import { Peer } from "../../../sandbox/tailnet/peer.ts";
import { processesNaming } from "../traces.ts";
import { needsTailnet, tailnetDir, tailnetTools } from "./needs-tailnet.ts";
import { seenFrom } from "./seen-from.ts";

needsTailnet("root");

const WORLD = "203.0.113.1";
const VM = "203.0.113.2";

const GET = `
fetch(process.argv[1], { signal: AbortSignal.timeout(2_000) }).then(
  ({ status }) => status,
  () => "none",
).then((seen) => process.stdout.write(String(seen), () => process.exit()));`;

/** What a URL answers whoever is in a network, without any tailnet. */
async function statusSeenFrom(place: NetworkNamespace, url: string): Promise<string> {
  return place.run(process.execPath, ["-e", GET, url]);
}

it("lets a machine of another network join, and reach what nobody reaches otherwise", async () => {
  await using dir = await tailnetDir();
  {
    const tools = tailnetTools();
    await using world = await NetworkNamespace.make({ name: "world" });
    await using vm = await NetworkNamespace.make({ name: "vm" });
    await connect(
      { place: world, link: "vm0", addresses: [`${WORLD}/24`] },
      { place: vm, link: "up0", addresses: [`${VM}/24`], routes: [{ to: "default", via: WORLD }] },
    );
    await using site = await NamespacedTailnet.start({ tools, dir: dir.path, world });
    const { tailnet, privateUrl } = site;
    const joining = { tools, dir: dir.path, name: "vm", where: { place: vm }, loginUrl: tailnet.headscale.url };
    expect(tailnet.pageUrl).toBe("http://hello.tailnet.test/");
    expect(await statusSeenFrom(vm, privateUrl)).toBe("none");
    await using node = await Peer.join({ ...joining, authKey: await tailnet.authKey(), acceptRoutes: true });
    expect(await seenFrom(node, tailnet.pageUrl)).toContain(tailnet.page.text);
    expect(await seenFrom(node, privateUrl)).toContain(site.privatePage.text);
    expect(site.privatePage.visits).toBe(1);
    expect(await statusSeenFrom(vm, tailnet.api.url)).toBe("404");
  }
  expect(await processesNaming(dir.path)).toEqual([]);
});
