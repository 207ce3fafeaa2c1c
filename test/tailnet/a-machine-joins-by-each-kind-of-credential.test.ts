import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { identityTokens } from "../../agent/adapters/evidence/identity-token.ts";
import { Secret } from "../../agent/core/secret.ts";
import type { TailnetCredential } from "../../agent/core/tailnet/wish.ts";
import type { SandboxTailnet } from "../../sandbox/tailnet/tailnet.ts";
import { commandLines } from "./stage/command-lines.ts";
import { Platform } from "./stage/platform.ts";
import { withTailnet } from "./stage/with-tailnet.ts";

const never = new AbortController().signal;
const TAGS = ["tag:builder"];

const JOINS = 2;
/**
 * Of the 2 s that each is promised on a machine at rest; a join waits four times for headscale's
 * writer, half a second each.
 */
const GENEROUS_MS = 10_000;

describe("a machine joins, and leaves nothing", () => {
  const stage = withTailnet();

  const kinds: readonly {
    readonly kind: string;
    readonly credential: (tailnet: SandboxTailnet) => Promise<{
      readonly credential: TailnetCredential;
      readonly secrets: readonly string[];
      readonly token?: string;
    }>;
  }[] = [
    {
      kind: "an auth key",
      credential: async (tailnet) => {
        const key = await tailnet.authKey();
        return { credential: { kind: "auth-key", key: new Secret(key) }, secrets: [key] };
      },
    },
    {
      kind: "an OAuth client",
      credential: async ({ client: { clientId, clientSecret } }) => ({
        credential: { kind: "oauth-client", clientId, clientSecret: new Secret(clientSecret) },
        secrets: [clientSecret],
      }),
    },
    {
      kind: "its own identity",
      credential: async ({ api }) => {
        const platform = new Platform();
        const { issuer, jwks } = platform;
        const { clientId, audience } = api.clients.addIdentity(
          { issuer, jwks, subject: "machine:*" },
          { scopes: ["auth_keys", "devices:core"], tags: TAGS },
        );
        const token = platform.token(audience);
        return { credential: { kind: "workload-identity", clientId, audience }, secrets: [token], token };
      },
    },
  ];

  it.each(kinds)("by $kind: tagged and ephemeral, and no word tells a secret", async ({ credential: make }) => {
    const tailnet = stage.tailnet();
    const { headscale, api } = tailnet;
    const tookMs: number[] = [];
    for (let joins = 0; joins < JOINS; joins += 1) {
      const { credential, secrets, token } = await make(tailnet);
      await using builder = await stage.builder({ url: api.url });
      const tokenFile = join(builder.dir, "token");
      if (token !== undefined) await writeFile(tokenFile, token);
      const begun = performance.now();
      const order = { credential, tags: TAGS, description: "builder-m1", apiUrl: api.url };
      const authKey = await builder.mintKey(order, identityTokens(tokenFile));
      const joined = await builder.join({
        grantId: "g1",
        authKey,
        coordinationUrl: headscale.url,
        hostname: "builder-m1",
        tags: TAGS,
      });
      tookMs.push(performance.now() - begun);

      expect(joined).toMatchObject({
        grantId: "g1",
        name: "builder-m1.tailnet.test",
        magicDnsSuffix: "tailnet.test",
        tags: TAGS,
      });
      expect(joined).toMatchObject({ offeredRoutes: [], acceptsRoutes: false });
      const listed = (await headscale.nodes()).find(({ id }) => id === joined.nodeId);
      expect(listed).toMatchObject({ name: "builder-m1", tags: TAGS, ephemeral: true, addresses: joined.addresses });
      const prefs = await builder.localApi("prefs");
      expect(prefs).toMatchObject({
        ShieldsUp: true,
        RouteAll: false,
        CorpDNS: true,
        NetfilterMode: 0,
        WantRunning: true,
      });

      const running = await commandLines(builder.dir);
      expect(running).toContain("--tun=userspace-networking");
      const leaving = performance.now();
      expect(await builder.node.leave(never)).toEqual({ loggedOut: true, nodeId: joined.nodeId });
      expect((await headscale.nodes()).map(({ id }) => id)).not.toContain(joined.nodeId);
      expect(performance.now() - leaving).toBeLessThan(GENEROUS_MS);
      expect(await commandLines(builder.dir)).toBe("");
      expect(await builder.files()).toEqual(token === undefined ? [] : ["token"]);

      const told = `${await builder.everythingTold()}\n${running}`.replaceAll(token ?? "\n", "\n");
      for (const secret of [...secrets, authKey.reveal()]) expect(told).not.toContain(secret);
    }
    process.stderr.write(`joined in ${tookMs.map((ms) => `${Math.round(ms)} ms`).join(", ")}\n`);
    expect(Math.max(...tookMs)).toBeLessThan(GENEROUS_MS);
  });
});
