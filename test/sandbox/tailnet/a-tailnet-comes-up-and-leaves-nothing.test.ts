import { expect, it } from "vitest";
import { Peer } from "../../../sandbox/tailnet/peer.ts";
import { SandboxTailnet } from "../../../sandbox/tailnet/tailnet.ts";
import { eventually } from "../real-sandbox.ts";
import { processesNaming } from "../traces.ts";
import { needsTailnet, tailnetDir, tailnetTools } from "./needs-tailnet.ts";
import { keyBody, post, remove, secretForm } from "./plain-api-client.ts";
import { seenFrom } from "./seen-from.ts";

needsTailnet();

const BUILDER = "tag:builder";

it("lets a client in by a key that its API minted, to the page and no further, and removes it again", async () => {
  await using dir = await tailnetDir();
  const tools = tailnetTools();
  {
    await using tailnet = await SandboxTailnet.start({ tools, dir: dir.path });
    const { api, headscale } = tailnet;
    const { body } = await post(`${api.url}/api/v2/oauth/token`, secretForm(tailnet.client));
    const token = String(body["access_token"]);
    const { key } = (await post(`${api.url}/api/v2/tailnet/-/keys`, keyBody(), token)).body;
    const joining = { tools, dir: dir.path, name: "builder-7", loginUrl: headscale.url, authKey: String(key) };
    await using node = await Peer.join(joining);
    const [builder] = (await headscale.nodes()).filter(({ id }) => id === node.nodeId);
    expect(builder).toMatchObject({ name: "builder-7", tags: [BUILDER], ephemeral: true });
    expect(node.name).toBe("builder-7.tailnet.test");
    expect(await seenFrom(node, tailnet.pageUrl)).toContain(tailnet.page.text);
    expect((await remove(`${api.url}/api/v2/device/${node.nodeId}`, token)).status).toBe(200);
    await eventually("the node to go", async () =>
      (await headscale.nodes()).some(({ id }) => id === node.nodeId) ? undefined : true,
    );
  }
  expect(await processesNaming(dir.path)).toEqual([]);
});
