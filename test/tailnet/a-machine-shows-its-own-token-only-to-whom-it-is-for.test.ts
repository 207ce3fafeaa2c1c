import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { identityTokens } from "../../agent/adapters/evidence/identity-token.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { Platform } from "./stage/platform.ts";

const { signal } = new AbortController();
const platform = new Platform();

it.each([
  { what: "for this audience", content: platform.token("api.tailscale.com/T1"), audience: "api.tailscale.com/T1" },
  { what: "where no audience is asked for", content: `${platform.token("whoever")}\n`, audience: "" },
])("shows the token $what", async ({ content, audience }) => {
  await using dir = await TempDir.make("/tmp/token-");
  const file = join(dir.path, "token");
  await writeFile(file, content);
  expect((await identityTokens(file)(audience, signal)).reveal()).toBe(content.trim());
});

it.each([
  {
    what: "that is for others",
    content: platform.token("others"),
    says: /is for the audience others, not for mine: have the platform/,
  },
  {
    what: "that is for nobody",
    content: `${part({})}.${part({})}.c2ln`,
    says: /is for the audience of nobody, not for mine/,
  },
  { what: "that is no token", content: "hello", says: /does not hold a signed JWT/ },
  { what: "that is empty", content: "", says: /is empty/ },
  { what: "that is not there", content: undefined, says: /cannot be read/ },
])("keeps a file $what to itself, and says so", async ({ content, says }) => {
  await using dir = await TempDir.make("/tmp/token-");
  const file = join(dir.path, "token");
  if (content !== undefined) await writeFile(file, content);
  const asked = identityTokens(file)("mine", signal);
  await expect(asked).rejects.toMatchObject({
    code: "tailnet.no-identity-token",
    retryable: true,
    message: expect.stringMatching(says) as string,
  });
  expect(await asked.catch(String)).not.toContain(content || "\n");
});

it("says what to configure where there is none", async () => {
  await expect(identityTokens(undefined)("mine", signal)).rejects.toMatchObject({
    code: "tailnet.no-identity-token",
    message: expect.stringContaining("set tailnet.identityTokenFile") as string,
  });
});

function part(content: object): string {
  return Buffer.from(JSON.stringify(content)).toString("base64url");
}
